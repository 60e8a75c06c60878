package actors

import "github.com/asynkron/protoactor-go/actor"

// Flush asks for an answer when all that was sent to the connection before has been written
// to the socket, or the connection has ended.
type Flush interface {
	// Flushed makes the answer. err is nil if all has been written.
	Flushed(err error) any
}

// flushCall is a Flush that does not come from an actor.
type flushCall struct{ done func(error) }

// flushWaiter is who waits for the answer to a Flush.
type flushWaiter struct {
	flush   Flush       // makes the answer to an actor
	to      *actor.PID  // that actor
	done    func(error) // called in place of that; nil: an actor waits
	earlier *flushWaiter
}

func (s *stream) awaitFlush(w flushWaiter) {
	r := s.makeRare()
	w.earlier = r.flushes
	r.flushes = &w
}

// answerFlushes answers those who wait for a Flush.
func (s *stream) answerFlushes(err error) {
	if s.rare == nil {
		return
	}
	for w := s.rare.flushes; w != nil; w = w.earlier {
		if w.done != nil {
			w.done(err)
		} else {
			s.ctx.Send(w.to, w.flush.Flushed(err))
		}
	}
	s.rare.flushes = nil
}
