package sockets

import (
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
)

// Bound is what happens at a bound of a [Conn].
type Bound uint8

// The bounds, for Options.WhenUnread and WhenUnsent.
const (
	Wait Bound = iota // who has more waits
	Fail              // the connection ends with 1008
)

// What a Bound that fails has ended a connection with, in its [CloseError].
var (
	// ErrUnread: the program does not receive what comes. What it had room for may still be
	// received.
	ErrUnread = frame.Failure(frame.PolicyViolation, "messages are not received")
	// ErrUnsent: the peer does not take what the program sends.
	ErrUnsent = frame.Failure(frame.PolicyViolation, "messages are sent faster than they are taken")
)

// full reports whether as much waits to be received as may. The lock must be held.
func (c *Conn) full() bool {
	frames, bytes := c.terms.CreditFrames, c.terms.CreditBytes
	return frames > 0 && len(c.queue) >= frames || bytes > 0 && c.unread >= bytes
}

// connLimits is what the driver of a Conn's pipeline holds at most. A Conn that fails when it
// is full must be given as much as that, though it may owe as much again: credit comes back
// for half of it at a time.
func (o *Options) connLimits() *actors.Limits {
	l := o.limits()
	if o.WhenUnread == Fail {
		l.CreditFrames *= 4
		l.CreditBytes *= 4
	}
	return l
}
