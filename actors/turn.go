package actors

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/handlers"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/internal/pool"
	"github.com/spindrift-go/spindrift/pipeline"
)

// turnState is what a stream needs for the length of a turn, or of a burst of them; an
// idle one does without.
type turnState struct {
	envelopes envelopes
	items     []any // for the top, in one hand-over
	input     pipeline.Input
	space     pipeline.Space
	kept      pipeline.Kept
	hello     any              // of the Plan, until it has gone up; nil: none
	fired     any              // the timer's event that is on its way up
	late      bool             // something waited to be read when it was due
	outcome   *pipeline.Closed // how the connection ended, as the core of the pipeline knows it; nil: not yet
}

var turnStates = pool.New("turn states", func() any { return new(turnState) })

// beginTurn is the first thing in every turn, endTurn the last when none follows.
func (s *stream) beginTurn() {
	if s.turnState == nil {
		s.turnState = turnStates.Get().(*turnState)
	}
}

func (s *stream) endTurn() {
	if s.turnState != nil {
		clear(s.items)
		*s.turnState = turnState{items: s.items[:0]}
		turnStates.Put(s.turnState)
		s.turnState = nil
	}
}

func (s *stream) receive(ctx actor.Context) {
	s.beginTurn()
	switch m := ctx.Message().(type) {
	case *actor.Touched, *workedThrough:
		s.markPassed()
	case *handlers.Lost:
		s.loseHandler(m.Err)
	case *handlers.Moved:
		s.moveHandler(m.To)
	case *handlers.Restarted:
		s.handlerRestarted(m.Err)
	case *handlers.Survived:
		s.forgive()
	case *woken:
		s.pipeline.Up(m.event)
	case *SetTop:
		s.setTop(m.Top)
	case *SetLimits:
		s.setLimits(m)
	case Flush:
		if who := ctx.Sender(); who != nil {
			s.awaitFlush(flushWaiter{flush: m, to: who})
		}
	case *Offer:
		s.offer(m)
	case *flushCall:
		s.awaitFlush(flushWaiter{done: m.done})
	case *actor.Touch: // proto.actor has answered it
	case *listenerPanicked, *actor.DeadLetterResponse, *actor.Terminated:
		// of the exchange that it was
	default:
		if !s.changedBy(m, ctx.Sender()) {
			s.pipeline.Down(m)
		}
	}
	s.concludeTurn()
}

func (s *stream) item(item any) {
	s.beginTurn()
	if p, is := item.(*pipeline.Prepared); is && s.lacksSpace(p) {
		p.Each(s.pipeline.Down) // some may find it
	} else {
		s.pipeline.Down(item)
	}
	s.concludeTurn()
}

func (s *stream) signalled(bits uint32) {
	s.beginTurn()
	if bits&transport.Ended != 0 {
		s.peerEnd = max(s.peerEnd, endAhead)
	}
	switch {
	case bits&dispatch.Due != 0:
		s.fireTimers()
	case bits&transport.Readable != 0:
		s.read()
	}
	if bits&transport.Ended != 0 && s.reading != reads {
		if bits&transport.Broken != 0 && s.writeError() == nil {
			if err := s.transport.Failure(); err != nil {
				s.writeFailed(err)
			}
		}
		s.endBehindPause()
	}
	if bits&transport.Writable != 0 && s.out.blocked {
		s.flush()
	}
	s.concludeTurn()
}

// burstEnded writes what a burst of messages has made: one write for all of it.
func (s *stream) burstEnded() {
	s.beginTurn()
	if s.out.waiting() > 0 && !s.out.blocked {
		s.flush()
		s.concludeTurn()
	}
	for s.rarely().offers != nil && s.takeOffers() {
		s.flush()
		if s.concludeTurn(); s.behaviour != behaviour(s) { // it has ended
			return
		}
	}
	if s.out.waiting() == 0 && !s.out.blocked {
		s.answerFlushes(s.unwritable())
	}
	s.observation().burst()
	if s.pipeline != nil {
		s.tellOutputLeft()
	}
	s.endTurn()
}

// tellOutputLeft tells those who send only while there is space how much output waits.
func (s *stream) tellOutputLeft() {
	t, ok := s.top.(*receiverTop)
	if s.rarely().subscriptions == nil && (!ok || t.spacious()) {
		return
	}
	s.kept = pipeline.Kept{}
	s.pipeline.Down(&s.kept)
	left := s.outstanding() + s.kept.Bytes
	if ok {
		t.outputLeft(left)
	}
	for sub := s.rarely().subscriptions; sub != nil; sub = sub.links.Next {
		sub.outputLeft(left)
	}
}

func (s *stream) stop() {
	defer func() { // also if a stage panics
		s.finish(ErrStopped)
		if d, ok := s.behaviour.(*ended); ok { // nobody can answer us any more
			d.vacate()
		}
	}()
	s.beginTurn()
	s.pipeline.Down(&pipeline.Leave{})
	s.flush()
}

// crashed ends the connection after a panic in a stage; a second panic while
// doing so ends it on the spot.
func (s *stream) crashed(err error) {
	s.beginTurn()
	if s.cause() != nil || s.hearing == heardClosed {
		s.finish(err)
		return
	}
	s.beginEnding().cause = err
	if s.hello != nil { // the panic kept it from the handler
		s.Deliver(s.hello)
	}
	over := false
	defer func() {
		if recover() != nil || !over {
			s.finish(err)
		}
	}()
	s.pipeline.Up(&pipeline.HandlerGone{Err: err})
	if s.hangup() == nil { // the panic kept it from us
		s.hangUp(&pipeline.Hangup{})
	}
	s.flush()
	s.concludeTurn()
	over = true
}
