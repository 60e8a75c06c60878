package sockets

import (
	"net"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
)

// kept is a message that waits for a connection.
type kept struct {
	message any
	sender  *actor.PID
}

// send sends a message by the connection, or has it wait for the next.
func (c *comeback) send(ctx actor.Context, k kept) {
	if c.opening {
		c.held = append(c.held, k)
		return
	}
	switch m := k.message.(type) {
	case *frame.Frame:
		if m == nil { // a mistake of the program's, which its connection says
			if c.conn == nil {
				c.report(c.queue.drop(0))
				return
			}
			break
		}
		c.closing = c.closing || m.Opcode == frame.OpClose
		if fits := c.pieces.fits(m); m.Opcode.Control() || fits && (c.conn != nil || m.Fin) {
			break
		}
		c.pieces.open = false
		c.report(c.queue.drop(len(m.Payload)))
		return
	case *Leave, *Cut, *frame.Error:
		c.closing = true
	}
	switch {
	case c.conn != nil:
		c.pass(ctx, k)
	case c.closing:
		ctx.Stop(c.self)
	case waits(k.message):
		c.report(c.queue.add(k))
	default:
		unsent(ctx, k)
	}
}

// unsent answers a message that is not sent and does not wait, if it asks.
func unsent(ctx actor.Context, k kept) {
	if _, ok := k.message.(*Flush); ok && k.sender != nil {
		ctx.Send(k.sender, &Flushed{Err: net.ErrClosed})
	}
}

// abandon loses all that waits for a connection, for there will be none.
func (c *comeback) abandon(ctx actor.Context) {
	for _, k := range c.held {
		switch f, ok := k.message.(*frame.Frame); {
		case ok && f == nil:
			c.queue.lose(0)
		case waits(k.message):
			c.queue.lose(c.queue.size(k))
		default:
			unsent(ctx, k)
		}
	}
	c.held = nil
	c.report(c.queue.abandon())
}

// waits reports whether a message may wait for a connection.
func waits(message any) bool {
	switch m := message.(type) {
	case *frame.Frame:
		return !m.Opcode.Control()
	case *Flush, *Pause, *Resume, *SetOptions, *SetStages:
		return false
	}
	return true
}

func (c *comeback) pass(ctx actor.Context, k kept) {
	if k.sender == nil {
		ctx.Send(c.conn, k.message)
	} else {
		ctx.RequestWithCustomSender(c.conn, k.message, k.sender)
	}
}

// tell tells the handler.
func (c *comeback) tell(message any) {
	c.system.Root.RequestWithCustomSender(c.upgrade.FrameHandler, message, c.self)
}

func (c *comeback) report(lost *Dropped) {
	if lost != nil {
		c.tell(lost)
	}
}

// dismiss ends a handler that was spawned, behind what it was told.
func (c *comeback) dismiss() {
	if c.spawned {
		c.system.Root.Poison(c.upgrade.FrameHandler)
	}
}
