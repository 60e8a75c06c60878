package pipeline

import (
	"errors"
	"time"
)

// ErrMessageTimeout is in Closed when this side ended the connection because no message
// went in either direction for Closing's MessageTimeout.
var ErrMessageTimeout = errors.New("no message in either direction for too long")

// idle is when a connection's latest message went by. It is made only where a timeout is
// set.
type idle struct {
	timeout time.Duration
	last    time.Duration // by clock
	status  Status        // asked for with each message
}

// idleCheck comes back when an idle connection's time may be over.
type idleCheck struct{ of *idle }

// expectMessages begins the time of a connection without messages, if there is one.
func (c *closer) expectMessages() {
	c.idle = nil
	if c.MessageTimeout > 0 {
		c.idle = &idle{timeout: c.MessageTimeout}
		c.sawMessage()
		c.down(&After{Delay: c.idle.timeout, Event: &idleCheck{c.idle}})
	}
}

// sawMessage notes a message, or a piece of one, in either direction.
func (c *closer) sawMessage() {
	if i := c.idle; i != nil {
		c.down(&i.status)
		i.last = clock(i.status)
	}
}

// checkIdle ends the connection if its time is over. While the handler gives no credit a
// message of the peer's may wait to be read: that time does not count.
func (c *closer) checkIdle(i *idle) {
	if i != c.idle || c.phase != open {
		return
	}
	c.down(&i.status)
	if left := i.timeout - (clock(i.status) - i.last); left > 0 {
		c.down(&After{Delay: max(left, i.timeout/64), Event: &idleCheck{i}}) // the clock may stand still: not again at once
		return
	}
	c.weClose((&Leave{Reason: "no message for " + i.timeout.String()}).frame())
	c.outcome.Err = ErrMessageTimeout
}
