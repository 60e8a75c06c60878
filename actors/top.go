package actors

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
)

// top is who is on top of a connection: it takes what leaves the pipeline. It is an actor
// that others may share, an actor of the connection's own, or a Receiver. All is called in
// turns of the connection.
type top interface {
	// deliver hands an item over, behind those before it.
	deliver(s *stream, item any)
	// touch has touched called when what was delivered before has been worked through.
	touch(s *stream)
	// flush lets what was delivered in this turn be seen, if deliver did not.
	flush(s *stream)
	// impatient reports whether one that takes nothing for too long ends the connection.
	impatient() bool
	// end is called when Closed was delivered. It reports whether the top will be heard of
	// once more, by touched or loseHandler, when it has worked through that.
	end(s *stream) (awaited bool)
	// detach is called when that is over, or is not waited for: the top knows s no more.
	detach(s *stream)
}

// Again is a Hello that can be told once more, to a handler that was restarted and has
// forgotten it, or to one that takes another's place.
type Again interface{ Again(known bool) any }

// attach finds out who is on top.
func (s *stream) attach(p *Plan) {
	switch {
	case p.Receiver != nil:
		l := newLocal(s, p.Receiver)
		s.top = l
		p.Receiver.Attached(&l.Handle)
	case p.Spawn != nil:
		pid := s.rt.spawnHandler(s.ctx.Self(), p.Spawn)
		s.top, s.handler = spawned{pid}, s.rt.mailboxOf(pid)
	default:
		s.rt.shared.join(s, p.Handler, p.Again)
	}
}

// nobody is on top while a connection begins.
type nobody struct{}

func (nobody) deliver(*stream, any) {}
func (nobody) touch(*stream)        {}
func (nobody) flush(*stream)        {}
func (nobody) impatient() bool      { return false }
func (nobody) end(*stream) bool     { return false }
func (nobody) detach(*stream)       {}

// spawned is a handler that was spawned for one connection, and ends with it.
type spawned struct{ pid *actor.PID }

func (h spawned) deliver(s *stream, item any) { s.give(h.pid, item) }
func (h spawned) touch(s *stream)             { s.give(h.pid, touch) }
func (h spawned) flush(s *stream)             { s.post(h.pid) }
func (h spawned) impatient() bool             { return true }
func (h spawned) detach(*stream)              {}

func (h spawned) end(s *stream) (awaited bool) {
	s.ctx.Poison(h.pid) // after Closed; the guardian will tell
	return s.hearing != hearsNothing
}

// envelopes are made in slabs, the first of a turn of as many as the last turn took:
// one allocation for a burst of 32 messages, and nobody keeps one for long.
type envelopes struct {
	slab  []actor.MessageEnvelope
	taken int // in this turn
}

const maxSlab = 32

func (e *envelopes) next(last int) *actor.MessageEnvelope {
	if len(e.slab) == 0 {
		e.slab = make([]actor.MessageEnvelope, min(max(last-e.taken, e.taken, 1), maxSlab))
	}
	e.taken++
	env := &e.slab[0]
	e.slab = e.slab[1:]
	return env
}

// give gives an item to the handler pid, with the connection as sender: it waits for post,
// if the handler's mailbox is ours. A Touch is not one of a burst's messages: their slab
// would be one too small.
func (s *stream) give(pid *actor.PID, item any) {
	var env *actor.MessageEnvelope
	if item == any(touch) {
		env = new(actor.MessageEnvelope)
	} else {
		env = s.envelopes.next(int(s.lastBurst))
	}
	env.Message, env.Sender = item, s.ctx.Self()
	if s.handler != nil && (pipeline.Bare(item) || !isBatch(item)) {
		s.items = append(s.items, env)
		return
	}
	s.post(pid)
	s.ctx.Send(pid, env)
}

func isBatch(item any) bool {
	_, is := item.(actor.MessageBatch)
	return is
}

// post puts what was given into the handler's mailbox: one lock for all that a read has
// brought, in place of a lock and a look at the PID for each message (make bench
// ROWS=echo64x32).
func (s *stream) post(pid *actor.PID) {
	if len(s.items) == 0 {
		return
	}
	if !s.handler.PostAll(s.items) {
		for _, env := range s.items { // to the dead letters
			s.ctx.Send(pid, env)
		}
	}
	clear(s.items)
	s.items = s.items[:0]
}

// handOver ends the delivery of this turn: a Receiver gets what it has so far.
func (s *stream) handOver() {
	if s.envelopes.taken == 0 && len(s.items) == 0 {
		return
	}
	s.top.flush(s)
	if n := s.envelopes.taken; n > 0 {
		s.lastBurst = uint8(min(n, maxSlab))
		s.envelopes = envelopes{}
	}
}

// loseHandler: nobody is told anything any more.
func (s *stream) loseHandler(err error) {
	if s.hearing != hearsNothing {
		s.hearing = hearsNothing
		s.pipeline.Up(&pipeline.HandlerGone{Err: err})
		s.resume() // nobody will give credit any more
	}
}

// announceAgain tells a handler that was restarted that the connection is there.
func (s *stream) announceAgain() {
	if s.limits.EndOnRestart {
		s.pipeline.Up(&pipeline.HandlerGone{Err: errRestarted})
		return
	}
	if m, ok := s.top.(*member); ok && m.again != nil && s.hearing == hearsAll {
		m.deliver(s, m.again.Again(true))
	}
}
