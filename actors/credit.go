package actors

import (
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
)

// ErrNoCredit is in Closed when the frame handler has worked through nothing of what it
// has for Limits.CreditTimeout.
var ErrNoCredit = errors.New("frame handler gives no credit: it hangs, or its mailbox, a middleware or a router loses *actor.Touch")

// ErrUnreceived is in Closed when the peer has ended, or was sent our Close, what it sent before was not received, and
// nothing of what a Receiver has was worked through for Limits.CreditTimeout.
var ErrUnreceived = errors.New("nobody has received what the peer sent before its end")

// credit counts what the handler was given and has not worked through. Any proto.actor
// actor, here or on another node, answers a Touch by itself when it has worked through
// what came before: so one is sent every half credit. A Receiver is given a Mark in its place, and
// calls WorkedThrough. Either is a mark here.
type credit struct {
	load                // handed over and unanswered
	marks *mark         // on their way, oldest first; few
	since time.Duration // when the last credit came back, or the oldest mark was made after that
}

type load struct{ frames, bytes int }

// mark is a point in what was handed over, and what the answer pays back.
type mark struct {
	load
	event any // goes up then, for a stage that waits for it; nil: none
	next  *mark
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

// recent is what was handed over since the last mark.
func (c *credit) recent() load {
	l := c.load
	for m := c.marks; m != nil; m = m.next {
		l.add(-m.frames, -m.bytes)
	}
	return l
}

// markDue reports whether half of the credit was handed over since the last mark.
func (c *credit) markDue(l *Limits) bool {
	return c.recent().reaches((l.CreditFrames+1)/2, (l.CreditBytes+1)/2)
}

// charge counts an item that was handed over.
func (s *stream) charge(weight int) {
	c, l := &s.credit, s.limits
	c.add(1, weight)
	if c.markDue(l) {
		s.setMark(nil)
	}
	if c.spent(l) {
		s.input.Pause = true
	}
	if !s.creditWatched {
		s.watchCredit()
	}
}

// setMark has the handler tell when it is through with what it has. Then event goes up, if there is one.
func (s *stream) setMark(event any) {
	c := &s.credit
	if c.marks == nil {
		c.since = s.rt.now()
	}
	last := &c.marks
	for *last != nil {
		last = &(*last).next
	}
	*last = &mark{load: c.recent(), event: event}
	s.top.mark(s, event != nil)
}

// markPassed is called when the oldest mark is answered.
func (s *stream) markPassed() {
	c := &s.credit
	m := c.marks
	if m == nil {
		return
	}
	c.marks = m.next
	c.add(-m.frames, -m.bytes)
	c.since = s.rt.now()
	if m.event != nil {
		s.pipeline.Up(m.event)
	}
	s.resume()
}

// creditCheck looks whether the handler still works through what it has.
type creditCheck struct{}

// watchCredit has the handler looked after as long as it owes something: twice in the time
// that it has.
func (s *stream) watchCredit() {
	if s.owes() && !s.creditWatched && s.limits.CreditTimeout > 0 && (s.top.isActor() || s.endKnown()) {
		s.creditWatched = true
		s.after(s.limits.CreditTimeout/2, &creditCheck{})
	}
}

// checkCredit asks a handler that has too little for a mark, and ends the connection of
// one that has not answered any for too long.
func (s *stream) checkCredit() {
	c := &s.credit
	s.creditWatched = false
	switch {
	case s.hearing == hearsNothing || !s.owes():
		return
	case c.frames > 0 && c.marks == nil:
		s.setMark(nil)
	case s.limits.CreditTimeout > 0 && s.rt.now()-c.since >= s.limits.CreditTimeout && !s.atWork():
		switch {
		case s.top.isActor():
			s.pipeline.Up(&pipeline.HandlerGone{Err: ErrNoCredit})
			return
		case s.reading != reads: // else the peer's Close has its own time
			s.abort(unreceived(s.writeError()))
			return
		}
	}
	s.watchCredit()
}

// endKnown reports whether the peer has ended, is asked to, or cannot be reached: what it sent before may be
// unread.
func (s *stream) endKnown() bool {
	return s.peerEnd != endUnknown || s.writeError() != nil || s.rarely().ends.closes
}

// endBehindPause begins the time that a Receiver has for what the peer sent before its end. While
// the peer lives there is no limit, for who receives nothing may only want to send. Behind its end, or
// our Close, there is one: without it the Receiver would never be told of that.
func (s *stream) endBehindPause() {
	if !s.creditWatched {
		s.credit.since = s.rt.now()
		s.watchCredit()
	}
}

func unreceived(failed error) error {
	if failed == nil {
		return ErrUnreceived
	}
	return fmt.Errorf("%w: %w", ErrUnreceived, failed)
}

// owes reports whether the handler has something that it has not worked through: items, or
// what a stage holds for it.
func (s *stream) owes() bool { return s.credit.frames > 0 || s.throttled }

// atWork asks the stages whether the handler is at work with what they hold, which is credit.
func (s *stream) atWork() bool {
	var m pipeline.AtWork
	if s.pipeline.Up(&m); m.Yes {
		s.credit.since = s.rt.now()
	}
	return m.Yes
}

// throttle is told whether a stage holds more for the handler than it should. That changes
// when something of it was taken, so either is credit.
func (s *stream) throttle(m *pipeline.Throttle) {
	if m.Gone = s.hearing == hearsNothing; m.Gone {
		m.On = false
	}
	if s.throttled == m.On {
		return
	}
	s.throttled = m.On
	s.credit.since = s.rt.now()
	if m.On {
		s.pause()
		s.watchCredit()
	} // else the turn's end goes on reading
}

// forgive pays back all marks when the handler has panicked and lives on: if it was a Touch at
// which it panicked, that is not answered, and nobody can tell. Touches that are answered
// after all pay for later ones then, and never more than was handed over.
func (s *stream) forgive() {
	c := &s.credit
	marks := c.marks
	c.load, c.marks = c.recent(), nil
	s.answerMarks(marks)
	s.resume()
}

// answerMarks sends the events up that wait for marks which nobody else will answer.
func (s *stream) answerMarks(marks *mark) {
	for m := marks; m != nil; m = m.next {
		if m.event != nil {
			s.pipeline.Up(m.event)
		}
	}
}

// settle answers a stage's Settle when the handler has worked through everything. A stage that asks
// with an event of its own may do so for what costs no credit.
func (s *stream) settle(m *pipeline.Settle) {
	switch {
	case m.Event != nil:
		s.setMark(m.Event)
	case s.hearsLastWord(m):
		s.setMark(&pipeline.Settled{})
	case s.credit.frames == 0 && s.top.isActor(): // a Receiver may be at work on what it has taken
		s.pipeline.Up(&pipeline.Settled{})
	default:
		s.setMark(&pipeline.Settled{})
	}
}
