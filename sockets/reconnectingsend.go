package sockets

import (
	"context"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// Send sends a message by the connection that there is, and waits for one while there is
// none. Nothing says that it has arrived: what a connection had taken when it was lost may be
// lost too. It keeps f, as [Conn.Send] does. The error is ctx's, a misuse, or the final
// *[Disconnected]; and ErrUnsent where Options.WhenUnsent is Fail.
func (c *Reconnecting) Send(ctx context.Context, f *frame.Frame) error {
	switch {
	case f == nil:
		return ErrNilFrame
	case !f.Fin || f.Opcode == frame.OpContinuation:
		return errPiece
	}
	return c.by(ctx, func(conn *Conn) error { return conn.Send(ctx, f) })
}

// SendText sends a text message as Send does. s must be UTF-8, or the peer fails the connection.
func (c *Reconnecting) SendText(ctx context.Context, s string) error {
	return c.by(ctx, func(conn *Conn) error { return conn.SendText(ctx, s) })
}

// SendBinary sends a binary message as Send does. It copies p.
func (c *Reconnecting) SendBinary(ctx context.Context, p []byte) error {
	return c.by(ctx, func(conn *Conn) error { return conn.SendBinary(ctx, p) })
}

// SendJSON sends v as a text message as Send does, by encoding/json.
func (c *Reconnecting) SendJSON(ctx context.Context, v any) error {
	f, err := toJSON(v)
	if err != nil {
		return err
	}
	return c.Send(ctx, f)
}

// Ping sends a Ping by the connection that there is, or the next if it is lost meanwhile, and waits
// for its Pong. It returns how long that took.
func (c *Reconnecting) Ping(ctx context.Context) (took time.Duration, err error) {
	err = c.by(ctx, func(conn *Conn) (err error) {
		took, err = conn.Ping(ctx)
		return err
	})
	return took, err
}

// by has do done by the connection that there is, and by the next if it is lost meanwhile.
func (c *Reconnecting) by(ctx context.Context, do func(*Conn) error) error {
	for {
		conn, err := c.Conn(ctx)
		if err != nil {
			return err
		}
		if err := do(conn); !lost(err) {
			return err
		}
		if err := c.gone(ctx, conn); err != nil {
			return err
		}
	}
}

// gone waits until conn has ended, by which nothing can be sent any more. It need not have: its end
// stands behind what was not received. So it is asked to end at once, and keeps what there is to
// receive of it.
func (c *Reconnecting) gone(ctx context.Context, conn *Conn) error {
	if conn.Closed() == nil {
		conn.handle.Post(&Cut{})
	}
	select {
	case <-conn.Done():
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
