package actors

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
)

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

// endDelivery ends that of this turn.
func (s *stream) endDelivery() {
	if s.envelopes.taken == 0 && len(s.items) == 0 {
		return
	}
	s.top.handOver(s)
	if n := s.envelopes.taken; n > 0 {
		s.lastBurst = uint8(min(n, maxSlab))
		s.envelopes = envelopes{}
	}
}
