package sockets

import (
	"context"

	"github.com/spindrift-go/spindrift/frame"
)

// Incoming returns a channel of what is received, for those who select. It is closed when
// the connection has ended, or ctx has, which may cost the message that was on its way; a
// goroutine fills it, until then: who stops reading the channel sooner gives it a ctx to end, or a message that
// nobody takes keeps the goroutine. A nil ctx is the connection's. It is closed as well where Receive would tell of
// a misuse, ErrReaderOpen for instance, which is logged.
func (c *Conn) Incoming(ctx context.Context) <-chan *frame.Frame {
	if c.must(); ctx == nil {
		ctx = c.Context()
	}
	in := make(chan *frame.Frame)
	go func() {
		defer close(in)
		for {
			f, err := c.Receive(ctx)
			if err == ErrReaderOpen || err == ErrNetConn {
				r := &c.handshake.request
				logOf(r).Error("Incoming was closed", "error", err, "path", r.URL.Path)
			}
			if err != nil {
				return
			}
			select {
			case in <- f:
			case <-ctx.Done():
				return
			}
		}
	}()
	return in
}

// Outgoing returns a channel whose messages are sent as by Send, for those who select. It
// is never closed by the connection: select with Done. Close it, or end ctx, when you are
// done; a goroutine empties it. A nil ctx is the connection's. A nil frame, which Send would
// refuse, ends the connection with 1011.
func (c *Conn) Outgoing(ctx context.Context) chan<- *frame.Frame {
	if c.must(); ctx == nil {
		ctx = c.Context()
	}
	out := make(chan *frame.Frame)
	go func() {
		for {
			select {
			case f, open := <-out:
				if !open {
					return
				}
				err := c.Send(ctx, f)
				if err == ErrNilFrame {
					c.handle.Post(frame.Failure(frame.InternalError, "nil frame in Outgoing"))
				}
				if err != nil {
					return
				}
			case <-c.Done():
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
