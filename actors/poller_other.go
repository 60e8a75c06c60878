//go:build !linux

package actors

import (
	"errors"
	"net"
)

// poller is Linux's; elsewhere every connection has a goroutine that reads.
type poller struct{}

func newPoller(*Crew) (*poller, error) { return nil, errors.ErrUnsupported }

func (*poller) stop() {}

type polled struct{ portable }

func (rt *Runtime) newPolled(*net.TCPConn, *Mailbox) *polled { return nil }
