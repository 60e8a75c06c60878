package sockets

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/pipeline"
)

// line is what an actor that comes back shares with its connections: whether it is still
// wanted, and the one that there is.
type line struct {
	mu      sync.Mutex
	stopped bool       // nobody wants a connection any more
	live    bool       // there is one, or one that begins
	conn    *actor.PID // nil: it has not begun, or has ended
}

// begin reports whether a connection may begin.
func (l *line) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live = !l.stopped
	return l.live
}

// began notes the connection. It reports whether nobody wants it any more.
func (l *line) began(conn *actor.PID) (unwanted bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.live {
		l.conn = conn
	}
	return l.stopped
}

// ended reports whether nobody waits for another.
func (l *line) ended() (stopped bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live, l.conn = false, nil
	return l.stopped
}

// stop returns the connection that there is, and whether its end is still to come.
func (l *line) stop() (conn *actor.PID, live bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	return l.conn, l.live
}

// attempt is one connection of a client that comes back, or what comes to none.
type attempt struct {
	*line
	policy  *Reconnect
	returns int
	opens   func()                                                 // the handler will hear of the connection next
	over    func(closed *Closed, held time.Duration, stopped bool) // the connection has ended

	cancel func() // the dial
	began  time.Time
	closed *Closed // as it went up
}

// dial opens the connection, unless ctx ends before.
func (a *attempt) dial(ctx context.Context, system *actor.ActorSystem, address string, u *UpgradeClient) (*actor.PID, error) {
	own := *u
	own.Stages = a.with(u.Stages)
	address, err := a.policy.target(ctx, address)
	if err != nil {
		return nil, err
	}
	if a.policy.Header != nil { // it has its own time, and not that of the handshake
		header, err := a.policy.header(ctx, u.header())
		if err != nil {
			return nil, &dialError{"dial", address, err}
		}
		own.Header, own.Request = header, headerless(u.Request)
	}
	var plan *actors.Plan
	shake := func(ctx context.Context) (s *dialled, err error) {
		s, plan, err = own.planned(ctx, system, address)
		return s, err
	}
	s, err := within(ctx, u.Dialer.timeout(), shake, (*dialled).drop)
	if err != nil {
		return nil, &dialError{"dial", address, err}
	}
	if !a.line.begin() {
		s.drop()
		return nil, context.Canceled
	}
	a.began = time.Now()
	plan.Hello.(*Upgraded).Returns = a.returns
	if again, ok := plan.HelloAgain.(*introduction); ok {
		again.returned(a.returns)
	}
	plan.Life = attemptLife{plan.Life, a}
	plan.Changer = attemptChanger{plan.Changer, a}
	pid, _ := actors.RuntimeOf(system).Open(s.conn, s.rest, plan) // one whose stage has panicked is on its way to its end, which it tells
	if a.line.began(pid) {
		system.Root.Stop(pid)
	}
	return pid, nil
}

// headerless is r without what a client's own header has of it.
func headerless(r *http.Request) *http.Request {
	if r == nil {
		return nil
	}
	r = r.WithContext(r.Context()) // a copy
	r.Header, r.Host = nil, ""
	return r
}

// stage sends what is to be sent first, and keeps how the connection has ended.
func (a *attempt) stage(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
	return func(item any) {
		switch m := item.(type) {
		case *Upgraded:
			a.opens()
			if a.policy.First != nil {
				for _, message := range a.policy.First(m) {
					down(message)
				}
			}
		case *Closed:
			a.closed = m
		}
		up(item)
	}, down
}

// attemptLife hears of the connection's end behind the handler.
type attemptLife struct {
	actors.Lifetime
	attempt *attempt
}

// Ended makes attemptLife an actors.Lifetime.
func (l attemptLife) Ended() {
	l.Lifetime.Ended()
	a := l.attempt
	if a.closed == nil { // a stage has panicked at it
		a.closed = pipeline.Crashed(errPanickedAtEnd)
	}
	a.over(a.closed, time.Since(a.began), a.line.ended())
}

var errPanickedAtEnd = errors.New("a stage panicked at the end of the connection")

// attemptChanger keeps the stage of an attempt where a SetStages replaces those of the
// program.
type attemptChanger struct {
	actors.Changer
	attempt *attempt
}

// Change makes attemptChanger an actors.Changer.
func (c attemptChanger) Change(message any) (change any, next actors.Changer) {
	if m, ok := message.(*SetStages); ok && m != nil {
		message = &SetStages{Stages: c.attempt.with(m.Stages)}
	}
	if change, next = c.Changer.Change(message); next != nil {
		next = attemptChanger{next, c.attempt}
	}
	return change, next
}

// with puts the stage of the attempt above others.
func (a *attempt) with(stages []pipeline.Stage) []pipeline.Stage {
	return append([]pipeline.Stage{a.stage}, stages...)
}
