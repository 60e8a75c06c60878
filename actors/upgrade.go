package actors

import "net/http"

// decide upgrades ex, or refuses it, without waiting for an actor: that comes into the
// world as a turn of the crew, whose stacks are large enough for all that is made then.
// A goroutine of net/http's would have to grow its own first (make bench ROWS=upgrades).
func (rt *Runtime) decide(ex *Exchange) {
	plan, refusal := rt.judge(ex)
	if refusal != nil {
		ex.response = refusal
		return
	}
	nc, first, refusal := plan.take(ex.Writer)
	if refusal != nil {
		ex.response = refusal
		return
	}
	rt.crew.Schedule(func() {
		c := &conn{rt: rt}
		c.side = gone{c} // until it has become something
		c.mailbox.kept = true
		rt.bear(c)
		c.mailbox.runFirst(func() {
			defer c.rescue()
			defer plan.letGo()
			c.become(plan, rt.newWire(nc, &c.mailbox, plan.Portable), first)
		})
	})
}

// judge asks ex's Upgrade, whose panic is the end of ex.
func (rt *Runtime) judge(ex *Exchange) (plan *Plan, refusal *http.Response) {
	defer func() {
		if reason := recover(); reason != nil {
			rt.system.Logger().Error("upgrade panicked", "reason", reason)
			refusal = plain(http.StatusInternalServerError, upgradeFailed)
		}
	}()
	return ex.Upgrade.Upgrade(ex.Request)
}

const upgradeFailed = "upgrade failed"

// upgrade swaps HTTP for the pipeline, in this turn: nobody reads the socket
// meanwhile, for net/http's goroutine waits for the exchange.
func (s *server) upgrade(u Upgrader) {
	ex := s.exchange
	if ex == nil {
		return
	}
	plan, refusal := u.Upgrade(ex.Request)
	if refusal != nil {
		s.answer(refusal)
		return
	}
	if !ex.claim() {
		plan.comeToNothing()
		s.over()
		return
	}
	defer close(ex.done)
	nc, first, refusal := plan.take(ex.Writer)
	if refusal != nil {
		ex.response = refusal
		s.over()
		return
	}
	defer plan.letGo()
	s.exchange = nil
	s.watch(nil)
	s.become(plan, s.rt.newWire(nc, &s.mailbox, plan.Portable), first)
}
