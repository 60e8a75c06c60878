package actors

import (
	"errors"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
)

// ErrNoCredit is in Closed when the frame handler has worked through nothing of what it
// has for Limits.CreditTimeout.
var ErrNoCredit = errors.New("frame handler gives no credit: it hangs, or its mailbox, a middleware or a router loses *actor.Touch")

// credit counts what the handler was given and has not worked through. Any proto.actor
// actor, here or on another node, answers a Touch by itself when it has worked through
// what came before: so one is sent every half credit.
type credit struct {
	load                 // handed over and unanswered
	recent load          // of that, since the last Touch
	marks  []mark        // a Touch each that is on its way, oldest first
	since  time.Duration // when the last credit came back, or the oldest mark was made after that
}

type load struct{ frames, bytes int }

// mark is what the answer to a Touch pays back.
type mark struct {
	load
	settle bool // the pipeline waits for it
}

var touch = &actor.Touch{}

func (c *credit) spent(l *Limits) bool { return c.reaches(l.CreditFrames, l.CreditBytes) }

func (l load) reaches(frames, bytes int) bool {
	return frames > 0 && l.frames >= frames || bytes > 0 && l.bytes >= bytes
}

func (l *load) add(frames, bytes int) {
	l.frames += frames
	l.bytes += bytes
}

// charge counts an item that was handed over.
func (s *stream) charge(weight int) {
	c, l := &s.credit, s.limits
	c.add(1, weight)
	c.recent.add(1, weight)
	if c.recent.reaches((l.CreditFrames+1)/2, (l.CreditBytes+1)/2) {
		s.touch(false)
	}
	if c.spent(l) {
		s.input.Pause = true
	}
	if !s.creditWatched {
		s.watchCredit()
	}
}

func (s *stream) touch(settle bool) {
	c := &s.credit
	if len(c.marks) == 0 {
		c.since = s.rt.now()
	}
	c.marks = append(c.marks, mark{c.recent, settle})
	c.recent = load{}
	s.top.touch(s)
}

func (s *stream) touched() {
	c := &s.credit
	if len(c.marks) == 0 {
		return
	}
	m := c.marks[0]
	if c.marks = c.marks[1:]; len(c.marks) == 0 {
		c.marks = nil
	}
	c.add(-m.frames, -m.bytes)
	c.since = s.rt.now()
	if m.settle {
		s.pipeline.Up(&pipeline.Settled{})
	}
	s.resume()
}

// creditCheck looks whether the handler still works through what it has.
type creditCheck struct{}

// watchCredit has the handler looked after as long as it owes something: twice in the time
// that it has.
func (s *stream) watchCredit() {
	if c := &s.credit; c.frames > 0 && !s.creditWatched && s.limits.CreditTimeout > 0 && s.top.impatient() {
		s.creditWatched = true
		s.after(s.limits.CreditTimeout/2, &creditCheck{})
	}
}

// checkCredit asks a handler that has too little for a Touch, and ends the connection of
// one that has not answered any for too long.
func (s *stream) checkCredit() {
	c := &s.credit
	s.creditWatched = false
	switch {
	case s.handlerGone || c.frames == 0:
		return
	case len(c.marks) == 0:
		s.touch(false)
	case s.limits.CreditTimeout > 0 && s.rt.now()-c.since >= s.limits.CreditTimeout:
		s.pipeline.Up(&pipeline.HandlerGone{Err: ErrNoCredit})
		return
	}
	s.watchCredit()
}

// forgive tells a connection that its handler has panicked and lives on.
type forgive struct{}

// forgive pays back what the handler was touched for: if it was a Touch at which it
// panicked, that is not answered, and nobody can tell. Touches that are answered
// after all pay for later ones then, and never more than was handed over.
func (s *stream) forgive() {
	marks := s.credit.marks
	s.credit.marks = nil
	for _, m := range marks {
		s.credit.add(-m.frames, -m.bytes)
		if m.settle {
			s.pipeline.Up(&pipeline.Settled{})
		}
	}
	s.resume()
}

// settleHandler asks the handler whether it has worked through everything.
func (s *stream) settleHandler() {
	if s.credit.frames == 0 {
		s.pipeline.Up(&pipeline.Settled{})
		return
	}
	s.touch(true)
}
