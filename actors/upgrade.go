package actors

import (
	"bytes"
	"net"
	"net/http"

	"github.com/spindrift-go/spindrift/actors/answering"
	"github.com/spindrift-go/spindrift/actors/tunnel"
)

// opening is an upgrade that nothing refuses any more.
type opening struct {
	plan  *Plan
	nc    net.Conn
	first []byte // read of nc already

	origin *origin
}

// judge has u judge the request of ex and negotiate. A panic in that refuses.
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

// greet takes the connection of ex, or sets the response that ex ends with. A drain
// waits for the connection until it is open: http.Server's Shutdown knows it no more.
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
	defer c.greeted(o)
	c.origin = o.origin
	c.become(o.plan, c.rt.poller.Open(o.nc, &c.mailbox, o.plan.Portable), o.first)
}

// greeted gives a client its answer: the greeting, or 500 when the handler or the stages could
// not be made because code of the program's has panicked.
func (c *conn) greeted(o opening) {
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

// decide upgrades ex, or refuses it, without waiting for an actor: the dispatcher makes that in a
// turn, and its stacks are large enough for all that is made then. A goroutine of net/http's
// would have to grow its own first (make bench ROWS=upgrades). If c is not nil, its actor has been
// spawned and its first turn is reserved.
func (rt *Runtime) decide(ex *Exchange, c *conn) {
	if ex.Stays {
		rt.decideAside(ex)
		return
	}
	o, greeted := rt.decided(ex)
	if greeted || c != nil {
		rt.dispatcher.Schedule(func() { rt.begin(c, o, greeted) })
	}
}

// decideAside does all of it as a turn: a goroutine that stays for the connection would keep the
// stack that it takes, 8 KB in place of 4 (make idle). It waits for the connection in any case.
func (rt *Runtime) decideAside(ex *Exchange) {
	over := make(chan any, 1)
	rt.dispatcher.Schedule(func() {
		var reason any = http.ErrAbortHandler // of a runtime.Goexit
		defer func() {
			if p := recover(); p != nil {
				reason = p
			}
			over <- reason
		}()
		o, greeted := rt.decided(ex)
		reason = nil
		if greeted {
			rt.begin(nil, o, true)
		}
	})
	if reason := <-over; reason != nil { // net/http's to recover: of the program's code, in a Hijack for instance
		panic(reason)
	}
}

// decided takes the connection of ex, or sets the response that ex ends with.
func (rt *Runtime) decided(ex *Exchange) (o opening, greeted bool) {
	plan, refusal := rt.judge(ex, ex.Decided)
	if refusal != nil {
		ex.response = refusal
		return opening{}, false
	}
	return ex.greet(plan)
}

// begin is the first turn of a connection's actor, which opens it, or is the last as well.
func (rt *Runtime) begin(c *conn, o opening, greeted bool) {
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
