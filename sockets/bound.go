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
	// ErrUnread: the program does not receive what comes. What it had space for may still be
	// received.
	ErrUnread = frame.Failure(frame.PolicyViolation, "messages are not received")
	// ErrUnsent: the peer does not take what the program sends.
	ErrUnsent = frame.Failure(frame.PolicyViolation, "messages are sent faster than they are taken")
)

// checkFull ends the connection of a Conn that fails when as much waits to be received as l
// allows. The lock must be held.
func (c *Conn) checkFull(l *actors.Limits) {
	if c.intake == abandoned || c.phase.over() {
		return
	}
	frames, bytes := l.CreditFrames/unreadShare, l.CreditBytes/unreadShare
	if frames > 0 && len(c.queue) >= frames || bytes > 0 && c.unread >= bytes {
		c.handle.Post(ErrUnread)
	}
}

// unreadShare is how much more than may wait to be received the driver of the pipeline of a Conn
// that fails then allows. It must be given as much as that, though it may owe as much again:
// credit comes back for half of it at a time.
const unreadShare = 4

// connLimits is what the driver of a Conn's pipeline holds at most.
func (o *Options) connLimits() *actors.Limits {
	l := o.limits()
	if o.WhenUnread == Fail {
		l.CreditFrames *= unreadShare
		l.CreditBytes *= unreadShare
	}
	return l
}

// changerOn is the changer of a connection with the terms o that r is on top of.
func changerOn(r actors.Receiver, o *recipe) actors.Changer {
	if t, ok := r.(*connTop); ok && o.WhenUnread == Fail {
		return unreadChanger{o, (*Conn)(t)}
	}
	return o
}

// unreadChanger changes the connection of a Conn that fails when too much is not received.
type unreadChanger struct {
	actors.Changer
	conn *Conn
}

// Change makes unreadChanger an actors.Changer: a bound that has changed counts at once.
func (u unreadChanger) Change(message any) (change any, next actors.Changer) {
	if change, next = u.Changer.Change(message); next != nil {
		next = unreadChanger{next, u.conn}
	}
	if set, ok := change.(*actors.SetLimits); ok {
		change = &actors.SetLimits{Options: set.Options, Limits: func(l *actors.Limits) {
			l.CreditFrames /= unreadShare
			l.CreditBytes /= unreadShare
			set.Limits(l)
			l.CreditFrames *= unreadShare
			l.CreditBytes *= unreadShare
			u.conn.mu.Lock()
			defer u.conn.mu.Unlock()
			u.conn.checkFull(l)
		}}
	}
	return change, next
}
