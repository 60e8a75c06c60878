package actors

import (
	"fmt"
	"net"
	"net/http"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/answering"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/handlers"
)

// ended is the behaviour of a connection that has ended, until its handler has worked
// through Closed and what came before, or its credit's time is over. Until then its place is
// taken: nothing else bounds what waits in the handler's mailbox.
type ended struct {
	*stream
	awaited int // marks that are not passed yet, that behind Closed among them
}

func (d *ended) awaitHandler() {
	d.awaited = 1
	for m := d.credit.marks; m != nil; m = m.next {
		d.awaited++
	}
	if d.hearing == hearsNothing || !d.top.end(d.stream) {
		d.vacate()
		return
	}
	if t := d.limits.CreditTimeout; t > 0 {
		d.rt.deadlines.Set(&d.timers.deadline, d.rt.now()+t)
	}
}

func (d *ended) receive(ctx actor.Context) {
	switch ctx.Message().(type) {
	case *actor.Touched, *workedThrough:
		if d.awaited--; d.awaited == 0 {
			d.vacate()
		}
	case *handlers.Survived: // one of those may be lost
		d.top.mark(d.stream, true)
	case *handlers.Lost, *handlers.Moved, *actor.DeadLetterResponse:
		d.vacate()
	default:
		d.refuse(ctx.Message(), ctx.Sender())
	}
}

func (d *ended) signalled(bits uint32) {
	if bits&dispatch.Due != 0 {
		d.vacate()
	}
}

// vacate gives the connection's place to others.
func (d *ended) vacate() {
	if d.behaviour != behaviour(d) {
		return
	}
	d.behaviour = gone{d.conn}
	d.rt.deadlines.Set(&d.timers.deadline, 0)
	d.top.detach(d.stream)
	if d.group != nil {
		d.group.settled()
	}
	if d.life != nil {
		d.life.Settled()
	}
	d.end()
}

func (d *ended) item(any)      {}
func (d *ended) burstEnded()   {}
func (d *ended) stop()         { d.vacate() }
func (d *ended) crashed(error) { d.vacate() }

// gone is the behaviour of a connection that has ended, until the actor has, or that has not begun.
type gone struct{ *conn }

func (g gone) receive(ctx actor.Context) { g.refuse(ctx.Message(), ctx.Sender()) }

// refuse answers a message that has come too late.
func (c *conn) refuse(message any, sender *actor.PID) {
	var answer any
	switch m := message.(type) {
	case Flush:
		answer = m.Flushed(net.ErrClosed)
	case *Offer:
		m.Withdraw()
	case *Subscription:
		m.end()
	case *http.Request:
		answer = fmt.Errorf("connection ended: %w", net.ErrClosed)
	case *http.Response:
		answering.Discard(m)
	default:
		if s, ok := c.behaviour.(*client); ok && s.upgrader(m) != nil {
			answer = fmt.Errorf("connection ended: %w", net.ErrClosed)
		}
	}
	if answer != nil && sender != nil {
		c.ctx.Send(sender, answer)
	}
}

func (gone) item(any)         {}
func (gone) signalled(uint32) {}
func (gone) burstEnded()      {}
func (gone) stop()            {}
func (gone) crashed(error)    {}
