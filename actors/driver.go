package actors

import "github.com/spindrift-go/spindrift/pipeline"

// A stream is the pipeline.Driver of its pipeline.

// goesAhead is how many bytes are handled ahead of other connections' messages: more than a few of that size, one after the other,
// leave no cache for each other.
const goesAhead = 32 << 10

// Deliver takes what leaves the top, as a pipeline.Driver does: it is the handler's.
func (s *stream) Deliver(item any) {
	switch m := item.(type) {
	case *pipeline.Start, *pipeline.Written, *pipeline.Settled, *pipeline.Input, *pipeline.Space, *pipeline.Ended, *pipeline.Lost, *pipeline.Hold, *pipeline.Unfinished, *pipeline.AtWork:
		return // meant for stages
	case *pipeline.RoundTripTime:
		if s.observation().roundTrip(m.Duration); m.Unasked {
			return
		}
	case *pipeline.Dropped:
		s.observation().dropped(m)
	}
	if s.hearing != hearsAll || s.isFired(item) {
		return
	}
	if _, last := item.(*pipeline.Closed); last {
		s.hearing = heardClosed
	}
	weight := 0
	if s.pipeline != nil { // or a stage has panicked as it was made
		weight = s.pipeline.Weight(item) // before the handler may release it
	}
	if weight >= goesAhead {
		s.mailbox.Ahead()
	}
	s.top.deliver(s, item)
	if s.hello == nil { // what comes with it costs no credit
		s.charge(weight)
	} else if sameType(item, s.hello) { // a stage may have made another of it
		s.hello = nil
	}
}

// woken brings a Waker's event into a turn.
type woken struct{ event any }

// Emit takes what leaves the bottom, as a pipeline.Driver does.
func (s *stream) Emit(item any) {
	switch m := item.(type) {
	case pipeline.Appender:
		s.write(m)
	case *pipeline.Status:
		s.report(m)
	case *pipeline.After:
		s.schedule(m)
	case *pipeline.Settle:
		s.settle(m)
	case *pipeline.Hangup:
		s.hangUp(m)
	case *pipeline.Kept: // the stages have answered
	case *pipeline.Throttle:
		s.throttle(m)
	case *pipeline.Waker:
		event, mailbox := &woken{m.Event}, &s.mailbox
		m.Wake = func() { mailbox.PostUserMessage(event) }
	case *pipeline.Pause:
		s.onHold = true
		s.pause()
	case *pipeline.Resume:
		s.onHold = false // the turn's end goes on reading
	case *pipeline.Closes:
		s.onHold = false
		s.beginEnding().closes = true
		s.endBehindPause()
	case *pipeline.Hold: // there is no Budget to ask: it is granted
	default:
		s.unknown(item, s.ctx.Sender())
	}
}

// Outcome keeps how the connection ended, as the core of the pipeline knows it. It makes
// stream a pipeline.Driver.
func (s *stream) Outcome(c *pipeline.Closed) { s.outcome = c }

func (s *stream) report(m *pipeline.Status) {
	now := s.rt.now()
	m.Now = s.rt.deadlines.Time(now)
	m.LastRead = s.rt.deadlines.Time(s.lastRead)
	if s.reading != reads || s.late {
		m.LastRead = m.Now
	}
	m.Unread = s.pausedByUsFor(now)
	m.Waiting = s.outstanding()
	m.Blocked = s.out.blocked && m.Waiting >= pongSpace
	s.out.tellWritten = s.out.tellWritten || m.Waiting > 0
}
