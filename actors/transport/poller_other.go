//go:build !linux

package transport

import (
	"errors"
	"net"

	"github.com/spindrift-go/spindrift/actors/dispatch"
)

// epoll is Linux's; elsewhere every connection has a goroutine that reads.
type epoll struct{}

func newEpoll(*Poller, int) (*epoll, error) { return nil, errors.ErrUnsupported }

func (*epoll) stop() {}

type polled struct{ portable }

func (p *Poller) newPolled(*net.TCPConn, *dispatch.Mailbox) *polled { return nil }
