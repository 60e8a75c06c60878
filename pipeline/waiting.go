package pipeline

import (
	"errors"
	"time"
)

// ErrMessageTimeout is in Closed when this side ended the connection because no message
// went in either direction for Closing's MessageTimeout.
var ErrMessageTimeout = errors.New("no message in either direction for too long")

// wait is for what a phase of a connection may last: in the open one for the next message,
// then for the handler, or for the peer's Close. It comes back as an event when the time
// may be over.
type wait struct {
	began   time.Duration // by clock; the latest message was
	waiting int           // bytes of output, when last looked at
	owed    bool          // the wire has not taken a message, or our Close, to its end
	again   uint8         // how often there was something to read when the time was over
	status  Status        // asked for with each message
}

// progress is how many bytes the peer must take in one CloseTimeout to get another: our
// Close is behind them.
const progress = 16 << 10

// expect begins the time of a phase, in place of any other; 0: it has no end.
func (c *closer) expect(timeout time.Duration) {
	if timeout <= 0 {
		return
	}
	if c.wait == nil {
		c.wait = new(wait)
	}
	s := c.status()
	*c.wait = wait{began: clock(s), waiting: s.Waiting, owed: c.phase == closing}
	c.lookIn(timeout)
}

func (c *closer) lookIn(d time.Duration) {
	c.down(&After{Delay: d, Event: c.wait, Replace: true})
}

// sawMessage notes a message, or a piece of one, in either direction.
func (c *closer) sawMessage() {
	if c.wait != nil && c.phase == open {
		c.beginAnew()
	}
}

// sentMessage: the wire will say when it has taken that, for a Status has asked.
func (c *closer) sentMessage() {
	if c.wait != nil && c.phase == open {
		c.beginAnew()
		c.wait.owed = c.wait.waiting > 0
	}
}

func (c *closer) written() {
	if c.wait != nil && c.wait.owed {
		c.wait.owed = false
		c.beginAnew()
	}
}

func (c *closer) beginAnew() {
	w := c.wait
	c.down(&w.status)
	w.began, w.waiting, w.again = clock(w.status), w.status.Waiting, 0
}

// due ends a phase whose time is over.
func (c *closer) due() {
	switch c.phase {
	case open:
		if c.expired(c.MessageTimeout, 1) {
			c.weClose((&Leave{Reason: "no message for " + c.MessageTimeout.String()}).frame())
			c.outcome.Err = ErrMessageTimeout
		}
	case settling:
		if c.Timeout > 0 {
			c.settled()
		}
	case closing:
		if c.expired(c.Timeout, progress) {
			if c.outcome.Err == nil { // why we closed comes first
				c.outcome.Err = ErrCloseTimeout
			}
			c.cut()
		}
	}
}

// expired reports whether the time of a wait is over, and if not looks again. It is not while
// the handler gives no credit, for what is waited for may wait to be read; nor, maxAgain
// times, while there is something to read that we are late with; nor as long as the peer
// takes so many bytes of our output each time.
func (c *closer) expired(timeout time.Duration, taken int) bool {
	if timeout <= 0 { // lifted meanwhile
		return false
	}
	w, s := c.wait, c.status()
	left := timeout - (clock(s) - w.began)
	switch {
	case left > 0:
		c.lookIn(max(left, timeout/64)) // the clock may stand still: not again at once
	case s.Blocked && w.waiting-s.Waiting >= taken:
		w.began, w.waiting = clock(s), s.Waiting
		c.lookIn(timeout)
	case w.again < maxAgain && !s.LastRead.Before(s.Now):
		w.again++
		c.lookIn(timeout / 4)
	default:
		return true
	}
	return false
}

func (c *closer) status() (s Status) {
	c.down(&s)
	return s
}
