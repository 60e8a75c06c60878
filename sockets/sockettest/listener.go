package sockettest

import (
	"context"
	"fmt"
	"net"
	"sync"
	"syscall"
)

// listener accepts connections in memory.
type listener struct {
	conns chan *conn
	done  chan struct{}
	once  sync.Once
	why   error // it was closed; nil: it was asked to
}

func newListener() *listener {
	return &listener{conns: make(chan *conn), done: make(chan struct{})}
}

// Accept makes listener a net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.stop(nil)
	return nil
}

// stop is Close by who has lost the will to accept.
func (l *listener) stop(why error) {
	l.once.Do(func() {
		l.why = why
		close(l.done)
	})
}

func (l *listener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 80} }

// dial connects to it. It waits until the connection is accepted.
func (l *listener) dial(ctx context.Context) (*conn, error) {
	ours, theirs := newConns()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		if l.why != nil {
			return nil, fmt.Errorf("the server does not serve: %w", l.why)
		}
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: l.Addr(), Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: l.Addr(), Err: context.Cause(ctx)}
	}
}
