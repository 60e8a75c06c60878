package actors

import (
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
)

// Changer knows the messages by which a program changes a living connection, or asks about it.
type Changer interface {
	// Change returns the *SetTop, *SetLimits or *Reply that message stands for, or nil, and
	// who is asked about the next message; nil: message is another, and goes down the pipeline.
	Change(message any) (change any, next Changer)
}

// SetTop replaces the stages next to the handler, between two frames.
type SetTop struct{ Top pipeline.Part }

// SetLimits replaces what the driver allows, and sends Options down.
type SetLimits struct {
	Limits  func(*Limits)
	Options *pipeline.Limits
}

// Reply is for the sender of a message that asks something.
type Reply struct{ Message any }

// changedBy applies what a message of the program changes, if it is one that changes something.
func (s *stream) changedBy(message any, sender *actor.PID) bool {
	if s.changer == nil {
		return false
	}
	change, next := s.changer.Change(message)
	if next == nil {
		return false
	}
	switch c := change.(type) {
	case *SetTop:
		s.setTop(c.Top)
	case *SetLimits:
		s.setLimits(c)
	case *Reply:
		if sender != nil {
			s.tell(sender, c.Message)
		}
	}
	s.changer = next
	return true
}

// setTop replaces the top of the pipeline, and withdraws the events that the old one has asked for.
func (s *stream) setTop(top pipeline.Part) {
	s.timers.list = slices.DeleteFunc(s.timers.list, func(w timer) bool { return w.top })
	s.pipeline.SetTop(top)
}

// setLimits applies limits that have changed. What was handed over may be more than they
// allow and yet too little for a mark so far.
func (s *stream) setLimits(m *SetLimits) {
	was, own := s.limits, *s.limits
	m.Limits(&own)
	s.limits = &own
	if t, ok := s.top.(*receiverTop); ok {
		t.limited(s.limits)
	}
	if s.credit.markDue(s.limits) {
		s.setMark(nil)
	}
	s.timeAnew(was)
	s.resume()
	if m.Options != nil {
		s.pipeline.Down(m.Options)
	}
}

// timeAnew has looked in the new times at what is under way, where they are not those that were.
func (s *stream) timeAnew(was *Limits) {
	l, t := s.limits, &s.timers
	if l.Stall != was.Stall {
		withdraw[*stallCheck](t)
		if s.out.stallWatched = false; s.out.blocked {
			s.watchStall()
		}
	}
	if l.SlowAfter != was.SlowAfter && s.out.slowWatched {
		withdraw[*slowCheck](t)
		s.watchSlow(s.untilSlow())
	}
	if l.CreditTimeout != was.CreditTimeout {
		withdraw[*creditCheck](t)
		s.creditWatched = false
	}
	s.watchCredit()
}
