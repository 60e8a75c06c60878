package sockets

import (
	"context"
	"fmt"

	"github.com/spindrift-go/spindrift/frame"
)

// Send sends a message, or a piece of one, and waits for space first: it returns when the
// connection has taken f, which is before f is on the wire (see Flush). It keeps f, which
// nobody may change any more; one frame may be sent to any number of connections. When the
// socket has failed it returns a *[CloseError] with frame.Abnormal, also where what the peer
// sent before has not been received, and the connection has not ended yet.
func (c *Conn) Send(ctx context.Context, f *frame.Frame) error {
	if f == nil {
		return ErrNilFrame
	}
	if err := c.reserve(ctx, len(f.Payload)); err != nil {
		return err
	}
	c.handle.Post(f)
	return nil
}

// SendText sends a text message. s must be UTF-8, or the peer fails the connection.
func (c *Conn) SendText(ctx context.Context, s string) error {
	if err := c.reserve(ctx, len(s)); err != nil {
		return err
	}
	c.handle.Post(frame.Text(s).Handover())
	return nil
}

// SendBinary sends a binary message. It copies p.
func (c *Conn) SendBinary(ctx context.Context, p []byte) error {
	if err := c.reserve(ctx, len(p)); err != nil {
		return err
	}
	f := frame.New(frame.OpBinary, len(p))
	f.Payload = append(f.Payload, p...)
	c.handle.Post(f.Handover())
	return nil
}

// reserve waits until there is space for size bytes of output.
func (c *Conn) reserve(ctx context.Context, size int) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	if c.done.closed() {
		return c.closeError()
	}
	if c.handle.Reserve(size) {
		return nil
	}
	if err := c.broken(); err != nil {
		return err
	}
	if c.terms.WhenUnsent == Fail {
		c.handle.Post(ErrUnsent)
		return ErrUnsent
	}
	for {
		space := c.handle.Space()
		if c.handle.Reserve(size) {
			return nil
		}
		if err := c.broken(); err != nil {
			return err
		}
		select {
		case <-space:
		case <-ctx.Done():
			switch err := c.waited(ctx); {
			case err == nil: // a deadline of a NetConn that was moved meanwhile
			case err == ctx.Err() && c.writerOpen():
				return fmt.Errorf("sockets: a Writer is open: %w", err)
			default:
				return err
			}
		case <-c.Done():
			return c.closeError()
		}
	}
}

// broken is why nothing can be sent any more, though the connection has not ended yet: what the
// peer sent before may still be received. It is nil if something can.
func (c *Conn) broken() error {
	if err := c.handle.Failed(); err != nil {
		return &CloseError{Closed{Code: frame.Abnormal, Err: err}}
	}
	return nil
}

// writerOpen reports whether a Writer is.
func (c *Conn) writerOpen() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.writing) > 0
}

// Flush waits until everything that was sent before has been written to the socket. After
// a clean end it returns nil.
func (c *Conn) Flush(ctx context.Context) error {
	if err := c.check(ctx); err != nil {
		return err
	}
	flushed := make(chan error, 1)
	c.handle.Flush(func(err error) { flushed <- err })
	select {
	case err := <-flushed:
		if err == nil {
			return nil
		}
		if err := c.broken(); err != nil && c.Closed() == nil {
			return err
		}
		<-c.Done()
	case <-c.Done():
	case <-ctx.Done():
		if c.Context().Err() == nil {
			return ctx.Err()
		}
		<-c.Done()
	}
	if c.end.Clean {
		return nil
	}
	return c.closeError()
}

// SetOptions changes limits and times of the connection while it lives.
func (c *Conn) SetOptions(change *SetOptions) {
	if c.must(); change != nil {
		c.handle.Post(change)
	}
}
