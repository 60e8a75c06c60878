package sockets

import (
	"context"
	"errors"

	"github.com/spindrift-go/spindrift/frame"
)

// signal wakes one of those who wait for input. The lock must be held.
func (c *Conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// pop takes the oldest piece of input, and waits for one if need be.
//
// A context that cannot end, or ends with the connection, is not looked at: a goroutine that
// waits for one channel and not for two, and few calls deep, fits into the smallest stack:
// Go sizes those of new goroutines by what they use on the average (TestIdleAccount). Nor
// does it need a context that can be waited for.
func (c *Conn) pop(ctx context.Context) (*frame.Frame, error) {
	for late := error(nil); ; { // a last look follows: ctx may have ended with the connection
		f, err := c.poll(late)
		switch {
		case err == errEnding:
			late = c.waitForEnd(ctx)
		case f != nil || err != nil:
			return f, err
		case ctx == context.Background() || ctx == context.Context(c.own):
			<-c.wake
		default:
			late = c.wait(ctx)
		}
	}
}

// errEnding: the program has asked for the end of the connection, which has not come yet.
var errEnding = errors.New("the end has been asked for")

// poll takes the oldest piece of input. If there is none the error is late, or how the
// connection has ended, or errEnding.
func (c *Conn) poll(late error) (*frame.Frame, error) {
	c.mu.Lock()
	c.doneWithAll()
	if len(c.queue) > 0 {
		r := c.take()
		c.mu.Unlock()
		if r.frame == nil {
			c.handle.WorkedThrough(int(r.marks + r.work))
			<-c.Done() // in the same turn: Closed tells as well
			return nil, c.closeError()
		}
		return r.frame, nil
	}
	over, ending := c.phase.over(), c.intake == abandoned
	if over || ending {
		c.signal() // the others
	}
	c.mu.Unlock()
	switch {
	case over:
		<-c.Done() // in the same turn
		return nil, c.closeError()
	case ending && late == nil:
		return nil, errEnding
	}
	return nil, late
}

// waitForEnd waits until the connection has ended, and returns how, or until ctx ends.
func (c *Conn) waitForEnd(ctx context.Context) error {
	select {
	case <-c.Done():
		return c.closeError()
	case <-ctx.Done():
		return c.waited(ctx)
	}
}

// wait waits until there may be input, or ctx ends.
func (c *Conn) wait(ctx context.Context) error {
	select {
	case <-c.wake:
		return nil
	case <-ctx.Done():
		return c.waited(ctx)
	}
}

// doneWithAll says that all that was received has been worked through: who comes for more is done
// with it, and what it answers has been sent. The lock must be held.
func (c *Conn) doneWithAll() {
	if !c.keeping {
		c.doneWith(len(c.work))
	}
}

// doneWith says that the n oldest pieces in work have been worked through. The lock must be held.
func (c *Conn) doneWith(n int) {
	n = min(n, len(c.work))
	for _, marks := range c.work[:n] {
		c.handle.WorkedThrough(marks)
	}
	c.work = append(c.work[:0], c.work[n:]...)
}

// keep is called by who says with workedThrough, and not by receiving again, what has been.
func (c *Conn) keep(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doneWithAll()
	if c.keeping = yes; !yes {
		c.doneWithAll()
	}
}

// countTaken is how many pieces were received.
func (c *Conn) countTaken() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken
}

// workedThrough is doneWith for who has said keep.
func (c *Conn) workedThrough(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.doneWith(n)
}

// take removes the oldest piece of input. The lock must be held.
func (c *Conn) take() received {
	r := c.queue[0]
	c.queue[0], c.first[0] = received{}, received{}
	if r.frame != nil {
		c.unread -= len(r.frame.Payload)
		if !c.keeping {
			c.handle.WorkedThrough(int(r.marks)) // what is at work is not ahead any more: a Pong behind it is read
			r.marks = 0
		}
		c.work = append(c.work, int(r.marks+r.work))
		c.taken++
	}
	if c.queue = c.queue[1:]; len(c.queue) > 0 || c.phase.over() {
		c.signal() // the next one who waits
	}
	return r
}
