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
	*Limit                // the recipe, until it is changed
	size    int64         // of the message, as far as it has come
	rest    int64         // of its latest frame, still to come; 0 if that was inflated
	began   time.Duration // the message's time did, if it came in pieces, by clock
	control *bucket       // nil until the first control frame
	open    bool          // inside a message
	watched bool          // an overdue is on its way
	again   uint8         // how often the message's time began anew
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
			l.watched = false
			l.watch()
			return
		}
	}
	l.up(item)
}

// count adds a piece of a message. A header that announces too much is enough.
func (l *limiter) count(f *frame.Frame) bool {
	if f.Opcode != frame.OpContinuation {
		l.size, l.rest = 0, 0
	}
	if l.rest == 0 {
		l.rest = f.Length // a new frame: its pieces all have its Length
	}
	n := int64(len(f.Payload))
	l.size += n
	l.rest = max(0, l.rest-n)
	if l.Message > 0 && l.rest > l.Message-l.size {
		l.down(frame.Failure(frame.TooBig, "message over the limit"))
		return false
	}
	if !f.Fin && !l.open {
		l.open, l.began, l.again = true, clock(l.status()), 0
		l.watch()
	}
	l.open = !f.Fin
	return true
}

// watch ends the connection if the message is overdue, and makes sure that it
// will be looked at again if not. One event serves any number of messages.
func (l *limiter) watch() {
	if !l.open || l.Time <= 0 || l.watched {
		return
	}
	s := l.status()
	left := l.Time - (clock(s) - l.began)
	if left <= 0 {
		if l.again == maxAgain || s.LastRead.Before(s.Now) {
			l.down(frame.Failure(frame.PolicyViolation, "message not finished in time"))
			return
		}
		l.again++
		l.began, left = clock(s), l.Time
	}
	l.watched = true
	l.down(&After{Delay: max(left, l.Time/64), Event: (*overdue)(l), Replace: true}) // the clock may stand still: not again at once
}

// maxAgain is how often the time of a message may begin anew.
const maxAgain = 3

// clock stands still while nothing is read because the handler is slow: the peer is
// not to blame for that.
func clock(s Status) time.Duration { return since1970(s.Now) - s.Unread }

// since1970 is a time of which many are kept: eight bytes.
func since1970(t time.Time) time.Duration { return time.Duration(t.UnixNano()) }

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
		if m.MessageTime != 0 { // counts for the message that is under way, too
			l.watched = false
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
	if l.control == nil {
		l.control = new(bucket)
	}
	s := l.status()
	return l.control.take(l.ControlRate, s.Now, s.Unread)
}
