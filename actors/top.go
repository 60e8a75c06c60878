package actors

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/handlers"
	"github.com/spindrift-go/spindrift/pipeline"
)

// top is who is on top of a connection: it takes what leaves the pipeline. It is an actor
// that others may share, an actor of the connection's own, or a Receiver. All is called in
// turns of the connection.
type top interface {
	// deliver hands an item over, behind those before it.
	deliver(s *stream, item any)
	// mark has markPassed called when what was delivered before has been worked through; unless it
	// settles, a Receiver that has taken it is enough.
	mark(s *stream, settles bool)
	// handOver lets what was delivered in this turn be seen, if deliver did not.
	handOver(s *stream)
	// isActor reports whether it is one: what it is marked for it has worked through when the mark is passed, and it
	// has Limits.CreditTimeout for that. A Receiver may take its time while the peer lives.
	isActor() bool
	// end is called when Closed was delivered. It reports whether the top will be heard of
	// once more, by markPassed or loseHandler, when it has worked through that.
	end(s *stream) (awaited bool)
	// detach is called when that is over, or is not waited for: the top knows s no more.
	detach(s *stream)
}

// HelloAgain is a Hello that can be told once more, to a handler that was restarted and has
// forgotten it, or to one that takes another's place.
type HelloAgain interface{ HelloAgain(known bool) any }

// attach finds out who is on top.
func (s *stream) attach(p *Plan) {
	switch {
	case p.Receiver != nil:
		t := newReceiverTop(s, p.Receiver)
		s.top = t
		p.Receiver.Attached(&t.Handle)
	case p.Spawn != nil:
		pid := s.rt.handlers.Spawn(s.ctx.Self(), p.Spawn)
		s.top, s.handler = spawnedTop{pid}, s.rt.handlers.Mailbox(pid)
	default:
		s.share(p.Handler, p.HelloAgain)
	}
}

// noTop is on top while a connection begins.
type noTop struct{}

func (noTop) deliver(*stream, any) {}
func (noTop) mark(*stream, bool)   {}
func (noTop) handOver(*stream)     {}
func (noTop) isActor() bool        { return false }
func (noTop) end(*stream) bool     { return false }
func (noTop) detach(*stream)       {}

// spawnedTop is a handler that was spawned for one connection, and ends with it.
type spawnedTop struct{ pid *actor.PID }

func (t spawnedTop) deliver(s *stream, item any) { s.give(t.pid, item) }
func (t spawnedTop) mark(s *stream, _ bool)      { s.give(t.pid, touch) }
func (t spawnedTop) handOver(s *stream)          { s.post(t.pid) }
func (t spawnedTop) isActor() bool               { return true }
func (t spawnedTop) detach(*stream)              {}

func (t spawnedTop) end(s *stream) (awaited bool) {
	s.ctx.Poison(t.pid) // after Closed; the guardian will tell
	return s.hearing != hearsNothing
}

// sharedTop is a handler that may be that of other connections, too.
type sharedTop struct {
	handlers.Member
	again HelloAgain // nil: nothing is told to a handler that was restarted
}

// share puts the handler pid on top.
func (s *stream) share(pid *actor.PID, again HelloAgain) {
	t := &sharedTop{again: again}
	s.rt.handlers.Join(&t.Member, &s.mailbox, pid)
	s.top, s.handler = t, t.Mailbox()
}

func (t *sharedTop) deliver(s *stream, item any) { s.give(t.PID(), item) }
func (t *sharedTop) mark(s *stream, _ bool)      { s.give(t.PID(), touch) }
func (t *sharedTop) handOver(s *stream)          { s.post(t.PID()) }
func (t *sharedTop) isActor() bool               { return true }
func (t *sharedTop) detach(*stream)              { t.Leave() }

func (t *sharedTop) end(s *stream) (awaited bool) {
	t.mark(s, true)
	t.handOver(s)
	return true
}

// loseHandler: nobody is told anything any more.
func (s *stream) loseHandler(err error) {
	if s.hearing != hearsNothing {
		s.hearing = hearsNothing
		s.pipeline.Up(&pipeline.HandlerGone{Err: err})
		s.resume() // nobody will give credit any more
	}
}

// handlerRestarted tells a handler that was restarted that the connection is there, unless that is to end: then it is told
// Closed, as ever.
func (s *stream) handlerRestarted(end error) {
	if end == nil && s.limits.EndOnRestart {
		end = handlers.ErrRestarted
	}
	if end != nil {
		s.pipeline.Up(&pipeline.HandlerGone{Err: end})
		return
	}
	if t, ok := s.top.(*sharedTop); ok && t.again != nil && s.hearing == hearsAll {
		t.deliver(s, t.again.HelloAgain(true))
	}
}

// moveHandler puts another handler on top, which is told of the connection. It owes no credit.
func (s *stream) moveHandler(to *actor.PID) {
	lost, ok := s.top.(*sharedTop)
	if !ok || lost.again == nil || s.hearing != hearsAll || s.hangup() != nil {
		s.loseHandler(handlers.ErrStopped)
		return
	}
	marks := s.credit.marks
	s.credit = credit{since: s.rt.now()}
	s.onHold = false
	lost.detach(s)
	s.share(to, lost.again)
	s.top.deliver(s, lost.again.HelloAgain(false))
	s.answerMarks(marks)
	s.resume()
}
