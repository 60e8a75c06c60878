package actors

import (
	"bytes"
	"errors"
	"net"
	"net/http"

	"github.com/spindrift-go/spindrift/actors/answering"
	"github.com/spindrift-go/spindrift/actors/tunnel"
)

// opening is an upgrade that nothing refuses any more: what the first turn of its connection makes a pipeline of.
type opening struct {
	plan   *Plan
	nc     net.Conn
	first  []byte // read of nc already
	origin *origin
}

// judge has u judge the request of ex and negotiate. If that panics the request is refused.
func (rt *Runtime) judge(ex *Exchange, u Upgrader) (plan *Plan, refusal *http.Response) {
	defer func() {
		if reason := recover(); reason != nil {
			ex.origin().panicked("upgrade panicked", reason)
			refusal = answering.Plain(http.StatusInternalServerError, upgradeFailed)
		}
	}()
	return u.Upgrade(ex)
}

const upgradeFailed = "upgrade failed"

// greet takes the connection of ex out of net/http's hands, or sets the response that ex ends with. From then on
// http.Server's Shutdown does not know the connection; a drain of its group waits until it is open.
func (ex *Exchange) greet(plan *Plan) (opening, bool) {
	group := plan.Group
	group.expect()
	o := opening{plan: plan, origin: ex.origin()}
	var err error
	if plan.Greeter != nil {
		o.nc, o.first, err = plan.Greeter.Greet(ex.Writer)
	} else {
		o.nc, o.first, err = Hijack(ex.Writer)
	}
	if err != nil {
		if p := (*hijackPanic)(nil); errors.As(err, &p) {
			o.origin.say("hijack panicked", "reason", p.reason, "stack", string(p.stack))
		}
		group.arrived()
		plan.abort(err, o.origin)
		if err != ErrRefused {
			ex.response = answering.Plain(http.StatusInternalServerError, "connection cannot be upgraded: "+err.Error())
		}
		return opening{}, false
	}
	if plan.Value != nil {
		value := plan.Value
		o.origin.value = &value
	}
	if plan.Group != group { // the Greeter has found another
		plan.Group.expect()
		group.arrived()
	}
	return o, true
}

// open makes c, in its turn, the driver of the pipeline that was planned.
func (c *conn) open(o opening) {
	defer o.plan.Group.arrived()
	defer c.answer(o)
	c.origin = o.origin
	c.become(o.plan, c.rt.poller.Open(o.nc, &c.mailbox, o.plan.Portable), o.first)
}

// answer gives the client 500 if the handler or the stages could not be made because code of the
// program's has panicked. Else it opens the stream of HTTP/2; over HTTP/1 the Greeting has gone out already.
func (c *conn) answer(o opening) {
	s, unmade := c.behaviour.(*stream)
	unmade = unmade && s.pipeline == nil
	if t, ok := o.nc.(*tunnel.Tunnel); ok {
		if unmade {
			t.Refuse(upgradeFailed)
		} else {
			t.Open()
		}
		return
	}
	if !unmade || len(o.plan.Greeting) == 0 {
		return
	}
	r := answering.Plain(http.StatusInternalServerError, upgradeFailed)
	r.ProtoMajor, r.ProtoMinor = 1, 1
	var b bytes.Buffer
	r.Write(&b)
	s.out.add(b.Bytes()) // written when the connection ends, which it is about to
}

// abort tells Life and the Observer that nothing comes of the plan.
func (p *Plan) abort(why error, from *origin) {
	refuse(p.Observer, why, from)
	if p.Life != nil {
		p.Life.Ended()
		p.Life.Settled()
	}
}

// upgrade judges ex and greets, or refuses, on the goroutine that calls it. The actor is made in a turn of the
// dispatcher, for which nobody waits: its workers have stacks that are large enough for all that is made then, and a
// goroutine of net/http's would have to grow its own first (make bench ROWS=upgrades). If c is not nil, its actor has been
// spawned and its first turn is reserved.
func (rt *Runtime) upgrade(ex *Exchange, c *conn) {
	if ex.Stays {
		rt.upgradeInTurn(ex)
		return
	}
	o, greeted := rt.judgeAndGreet(ex)
	if greeted || c != nil {
		rt.dispatcher.Schedule(func() { rt.firstTurn(c, o, greeted) })
	}
}

// upgradeInTurn is upgrade for a goroutine that stays for the connection. All of it is done in a turn, for which the
// goroutine waits: it would keep the stack that this takes, 8 KB in place of 4 (make idle).
func (rt *Runtime) upgradeInTurn(ex *Exchange) {
	over := make(chan any, 1)
	rt.dispatcher.Schedule(func() {
		var reason any = http.ErrAbortHandler // of a runtime.Goexit
		defer func() {
			if p := recover(); p != nil {
				reason = p
			}
			over <- reason
		}()
		o, greeted := rt.judgeAndGreet(ex)
		reason = nil
		if greeted {
			rt.firstTurn(nil, o, true)
		}
	})
	if reason := <-over; reason != nil { // net/http's to recover
		panic(reason)
	}
}

// judgeAndGreet takes the connection of ex, or sets the response that ex ends with, if there is to be one.
func (rt *Runtime) judgeAndGreet(ex *Exchange) (o opening, greeted bool) {
	plan, refusal := rt.judge(ex, ex.Upgrader)
	if refusal != nil {
		ex.response = refusal
		return opening{}, false
	}
	return ex.greet(plan)
}

// firstTurn runs the first turn of a connection's actor: it opens the connection, or, if there is none, is the last as well.
func (rt *Runtime) firstTurn(c *conn, o opening, greeted bool) {
	if c == nil {
		c = rt.newConn()
		c.mailbox.Reserve()
		rt.spawn(c, rt.system.ProcessRegistry.NextId())
	}
	c.mailbox.RunFirst(func() {
		defer c.rescue()
		if greeted {
			c.open(o)
		} else {
			c.end()
		}
	})
}
