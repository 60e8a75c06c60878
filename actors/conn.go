package actors

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/pipeline"
)

// conn is the connection actor. What it does at the moment, as a client of HTTP or
// as the driver of a pipeline, is its behaviour; an upgrade replaces that within one
// turn.
type conn struct {
	mailbox   dispatch.Mailbox
	rt        *Runtime
	ctx       actor.Context // the actor's own; signals are turns too and bring none
	behaviour behaviour
	origin    *origin // of a server's connection, for the log; nil: it is none
}

// behaviour is what a connection does with its messages and signals: client, stream, ended or gone.
type behaviour interface {
	receive(ctx actor.Context)
	item(item any) // to send, pipeline.Bare
	signalled(bits uint32)
	burstEnded()       // no message waits: write what a burst has made
	stop()             // the actor is being stopped by somebody else
	crashed(err error) // a stage or a callback panicked
}

// Receive is the actor's turn. A panic ends this connection and no other.
func (c *conn) Receive(ctx actor.Context) {
	if checked {
		defer c.check()
	}
	defer c.rescue()
	switch m := ctx.Message().(type) {
	case *actor.Started:
		c.ctx = ctx
	case *actor.Stopping:
		c.behaviour.stop()
	case *actor.Stopped: // nobody finds us any more
		c.mailbox.Abandon(func(message any) {
			_, m, sender := actor.UnwrapEnvelope(message)
			c.refuse(m, sender)
		})
	case *actor.Restarting:
	case *Connect:
		c.behaviour = newClient(c, m)
	case *handlerPanicked:
		c.handlerPanicked(m)
	case *Subscription:
		c.subscribe(m)
	case unsubscribe:
		c.unsubscribe(m.Subscription)
	default:
		c.behaviour.receive(ctx)
	}
}

// Item makes conn a dispatch.Hooks: what is only to be sent needs no context.
func (c *conn) Item(item any) (handled bool) {
	if checked {
		defer c.check()
	}
	if !pipeline.Bare(item) {
		return false
	}
	defer c.rescue()
	c.behaviour.item(item)
	return true
}

// Signalled makes conn a dispatch.Hooks.
func (c *conn) Signalled(bits uint32) {
	if checked {
		defer c.check()
	}
	defer c.rescue()
	c.behaviour.signalled(bits)
}

// BurstEnded makes conn a dispatch.Hooks.
func (c *conn) BurstEnded() {
	if checked {
		defer c.check()
	}
	defer c.rescue()
	c.behaviour.burstEnded()
}

// Exited makes conn a dispatch.Hooks. A turn that was left halfway is no better than one that has panicked.
func (c *conn) Exited() {
	defer c.rescue()
	c.crash("runtime.Goexit was called")
}

func (c *conn) rescue() {
	if reason := recover(); reason != nil {
		c.crash(reason)
	}
}

// crash ends the connection, whose turn has panicked.
func (c *conn) crash(reason any) {
	c.origin.panicked("connection panicked", reason)
	c.observed().panicked(reason)
	c.behaviour.crashed(fmt.Errorf("panic: %v", reason))
}

// end stops the actor when it has read what was sent to it until now: whoever
// waits for an answer gets one.
func (c *conn) end() { c.ctx.Poison(c.ctx.Self()) }

// tell sends with the connection as sender, so that the receiver can respond.
func (c *conn) tell(to *actor.PID, message any) {
	c.ctx.Request(to, message)
}

// unknown tells the program that the connection was sent what it cannot send: a string, a
// struct in place of a pointer, nil. The message becomes a dead letter.
func (c *conn) unknown(message any, sender *actor.PID) {
	switch message.(type) {
	case *pipeline.Hold, *pipeline.Limits: // of ours, and of no concern by now
		return
	}
	from := "nobody"
	if sender != nil {
		from = sender.Id
	}
	c.origin.say("a connection was sent what it does not know: send *frame.Frame, or what its stages take",
		"type", fmt.Sprintf("%T", message), "sender", from)
	c.rt.system.EventStream.Publish(&actor.DeadLetterEvent{PID: c.ctx.Self(), Message: message, Sender: sender})
}
