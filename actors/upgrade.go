package actors

import (
	"bytes"
	"net/http"

	"github.com/spindrift-go/spindrift/actors/answering"
	"github.com/spindrift-go/spindrift/actors/tunnel"
)

const upgradeFailed = "upgrade failed"

// upgrade judges ex and greets, or refuses, on the goroutine that calls it. The actor is made in a turn of the
// dispatcher, for which nobody waits: its workers have stacks that are large enough for all that is made then, and a
// goroutine of net/http's would have to grow its own first (make bench ROWS=upgrades). If c is not nil, its actor has been
// spawned and its first turn is reserved.
func (rt *Runtime) upgrade(ex *Exchange, c *conn) {
	if ex.Stays {
		rt.upgradeInTurn(ex)
		return
	}
	g := rt.judgeAndGreet(ex)
	if g.plan != nil || c != nil {
		rt.dispatcher.Schedule(func() { rt.firstTurn(c, g) })
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
		g := rt.judgeAndGreet(ex)
		reason = nil
		if g.plan != nil {
			rt.firstTurn(nil, g)
		}
	})
	if reason := <-over; reason != nil { // net/http's to recover
		panic(reason)
	}
}

// judgeAndGreet takes the connection of ex, or sets the response that ex ends with, if there is to be one.
func (rt *Runtime) judgeAndGreet(ex *Exchange) greeted {
	plan, refusal := rt.judge(ex, ex.Upgrader)
	if refusal != nil {
		ex.response = refusal
		return greeted{}
	}
	return ex.greet(plan)
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

// firstTurn runs the first turn of a connection's actor: it opens the connection, or, if there is none, is the last as well.
func (rt *Runtime) firstTurn(c *conn, g greeted) {
	if c == nil {
		c = rt.newConn()
		c.mailbox.Reserve()
		rt.spawn(c, rt.system.ProcessRegistry.NextId())
	}
	c.mailbox.RunFirst(func() {
		defer c.rescue()
		if g.plan != nil {
			c.open(g)
		} else {
			c.end()
		}
	})
}

// open makes c, in its turn, the driver of the pipeline that was planned.
func (c *conn) open(g greeted) {
	defer g.plan.Group.arrived()
	defer c.tellOpened(g)
	c.origin = g.origin
	c.become(g.plan, c.rt.poller.Open(g.nc, &c.mailbox, g.plan.Portable), g.first)
}

// tellOpened gives the client 500 if the handler or the stages could not be made because code of the
// program's has panicked. Else it opens the stream of HTTP/2; over HTTP/1 the Greeting has gone out already.
func (c *conn) tellOpened(g greeted) {
	s, unmade := c.behaviour.(*stream)
	unmade = unmade && s.pipeline == nil
	if t, ok := g.nc.(*tunnel.Tunnel); ok {
		if unmade {
			t.Refuse(upgradeFailed)
		} else {
			t.Open()
		}
		return
	}
	if !unmade || len(g.plan.Greeting) == 0 {
		return
	}
	r := answering.Plain(http.StatusInternalServerError, upgradeFailed)
	r.ProtoMajor, r.ProtoMinor = 1, 1
	var b bytes.Buffer
	r.Write(&b)
	s.out.add(b.Bytes()) // written when the connection ends, which it is about to
}
