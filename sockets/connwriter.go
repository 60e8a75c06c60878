package sockets

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
)

// Writer begins a message of type op, frame.OpText or frame.OpBinary, whose payload is
// what is written until Close, in fragments: of any length, a piece in memory at a time.
// Messages of others wait meanwhile. A second Writer waits until the first is closed, for
// as long as its ctx lasts; so one that is left open keeps all others waiting.
func (c *Conn) Writer(ctx context.Context, op frame.Opcode) (io.WriteCloser, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	if err := messageType(op); err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.writing == nil {
		c.writing = make(chan struct{}, 1)
	}
	writing := c.writing
	c.mu.Unlock()
	if c.Closed() != nil {
		return nil, c.closeError()
	}
	select {
	case writing <- struct{}{}:
		return &messageWriter{to: c, ctx: ctx, op: op}, nil
	case <-c.Done():
		return nil, c.closeError()
	case <-ctx.Done():
		err := c.waited(ctx)
		if err == ctx.Err() {
			err = fmt.Errorf("sockets: another Writer is open: %w", err)
		}
		return nil, err
	}
}

// offer makes Conn an offeree.
func (c *Conn) offer(ctx context.Context, o *actors.Offer) error {
	if c.handle.Post(o); c.Closed() != nil {
		o.Withdraw()
	}
	switch err := o.Wait(ctx); err {
	case nil:
		return nil
	case net.ErrClosed:
		if err := c.broken(); err != nil && c.Closed() == nil {
			return err
		}
		return c.waitForEnd(ctx)
	default:
		return c.waited(ctx)
	}
}

// fail makes Conn an offeree.
func (c *Conn) fail(e *frame.Error) { c.handle.Post(e) }

// written makes Conn an offeree.
func (c *Conn) written() { <-c.writing }
