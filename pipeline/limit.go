package pipeline

import (
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// Limit ends a connection whose messages grow too long or take too long, or
// whose control frames come too fast. It counts what comes up, piece by piece,
// and holds nothing.
//
// A message's time stands still while nothing is read because the handler is slow.
// If bytes of the peer's wait to be read when it is over, it is us who are late:
// then it begins anew, three times at most.
type Limit struct {
	Message     int64         // bytes of a message, inflated; 0: no limit; over it: 1009
	Time        time.Duration // for a message to be complete, see below; 0: no limit; over it: 1008
	ControlRate int           // control frames a second; 0: no limit; sustained over it: 1008
}

// overdue comes back to its limiter when the message that was begun then should have ended.
type overdue limiter

// Stage returns the limit as a stage.
func (o Limit) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, &limiter{Limit: &o}) }
}

type limiter struct {
	link
	*Limit         // the recipe, until it is changed
	counts *counts // nil: neither a message in pieces has come nor a control frame
}

// counts are what is known of a message in pieces, and of control frames.
type counts struct {
	size    int64         // of the message, as far as it has come
	rest    int64         // of its latest frame, still to come; 0 if that was inflated
	began   time.Duration // the message's time did, by clock
	control bucket
	open    bool  // inside a message
	watched bool  // an overdue is on its way
	again   uint8 // how often the message's time began anew
}

func (l *limiter) toCount() *counts {
	if l.counts == nil {
		l.counts = new(counts)
	}
	return l.counts
}

func (l *limiter) onUp(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		if m.Opcode.Control() {
			if l.ControlRate > 0 && !l.affordable() {
				l.down(frame.Failure(frame.PolicyViolation, "too many control frames"))
				return
			}
		} else if !l.count(m) {
			return
		}
	case *overdue:
		if m == (*overdue)(l) {
			l.counts.watched = false
			l.watch()
			return
		}
	}
	l.up(item)
}

// count adds a piece of a message. A header that announces too much is enough.
func (l *limiter) count(f *frame.Frame) bool {
	if f.Fin && (l.counts == nil || !l.counts.open) { // a whole message
		return l.within(int64(len(f.Payload)), 0)
	}
	p := l.toCount()
	if f.Opcode != frame.OpContinuation {
		p.size, p.rest = 0, 0
	}
	if p.rest == 0 {
		p.rest = f.Length // a new frame: its pieces all have its Length
	}
	n := int64(len(f.Payload))
	p.size += n
	p.rest = max(0, p.rest-n)
	if !l.within(p.size, p.rest) {
		return false
	}
	if !p.open {
		p.open, p.began, p.again = true, clock(l.status()), 0
		l.watch()
	}
	p.open = !f.Fin
	return true
}

// within reports whether a message may be as long as it is, and as what is still to come makes it.
func (l *limiter) within(size, rest int64) bool {
	if l.Message > 0 && rest > l.Message-size {
		l.down(frame.Failure(frame.TooBig, "message over the limit"))
		return false
	}
	return true
}

// watch ends the connection if the message is overdue, and makes sure that it
// will be looked at again if not. One event serves any number of messages.
func (l *limiter) watch() {
	p := l.counts
	if p == nil || !p.open || l.Time <= 0 || p.watched {
		return
	}
	s := l.status()
	left := l.Time - (clock(s) - p.began)
	if left <= 0 {
		if p.again == maxAgain || s.LastRead.Before(s.Now) {
			l.down(frame.Failure(frame.PolicyViolation, "message not finished in time"))
			return
		}
		p.again++
		p.began, left = clock(s), l.Time
	}
	p.watched = true
	l.down(&After{Delay: max(left, l.Time/64), Event: (*overdue)(l), Replace: true}) // the clock may stand still: not again at once
}

func (l *limiter) status() (s Status) {
	l.down(&s)
	return s
}

func (l *limiter) onDown(item any) {
	if m, ok := item.(*Limits); ok {
		own := *l.Limit
		l.Limit = &own
		set(&l.Message, m.Message)
		set(&l.Time, m.MessageTime)
		set(&l.ControlRate, m.ControlRate)
		if m.MessageTime != 0 && l.counts != nil { // counts for the message that is under way, too
			l.counts.watched = false
			l.watch()
		}
		if m.Stream { // from here up: Assemble is passed by on the way down
			l.up(streamNow{})
		}
	}
	l.down(item)
}

// affordable counts a control frame.
func (l *limiter) affordable() bool {
	s := l.status()
	return l.toCount().control.take(l.ControlRate, s.Now, s.Unread)
}
