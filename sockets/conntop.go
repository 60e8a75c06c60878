package sockets

import (
	"fmt"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
)

// connTop is a Conn as its connection sees it, an actors.Receiver. All but what is said of
// the methods is called in turns of the connection.
type connTop Conn

func (c *Conn) top() *connTop { return (*connTop)(c) }

// receiverOn returns who is on top of a connection with the terms o, if that is no actor.
func receiverOn(r actors.Receiver, o *recipe) actors.Receiver {
	if t, ok := r.(*connTop); ok {
		t.terms = o
	}
	return r
}

// Attached is the first that is called.
func (t *connTop) Attached(h *actors.Handle) { t.handle = h }

// Deliver takes what a turn of the connection has for the program.
func (t *connTop) Deliver(items []any) {
	if unknown := (*Conn)(t).deliver(items); unknown != nil {
		(*Conn)(t).sayUnknown(unknown)
	}
}

// deliver returns an item that nobody gets, if the program is to be told.
func (c *Conn) deliver(items []any) (unknown any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, item := range items {
		switch m := item.(type) {
		case *frame.Frame:
			switch {
			case c.intake != queueing:
				m.Release()
			case !m.Opcode.Control():
				if len(c.queue) == 0 {
					c.queue = c.first[:0]
				}
				c.queue = append(c.queue, received{frame: m})
				c.unread += len(m.Payload)
			}
		case *RoundTripTime:
			if c.pings != nil {
				c.pings.answered(m.Payload, m.Duration)
			}
		case *Upgraded:
			c.handshake, c.phase = newHandshake(m), connOpen
			c.own, _ = m.Request.Context().(*connContext)
			close(c.opened)
		case *Closed:
			if c.end = m; c.phase == connOpen {
				c.phase = connEnded
			} else {
				c.phase = connFailed
			}
			c.queue = append(c.queue, received{})
		case actors.Mark:
			c.mark(m)
		case *Backpressure, *Drained, *Dropped: // Send waits
		default: // a stage has made it, in place of a message perhaps, or of Upgraded
			if !c.hasTold && c.handshake != nil {
				c.hasTold, unknown = true, item
			}
		}
	}
	if len(c.queue) > 0 {
		c.signal()
	}
	if c.terms.WhenUnread == Fail {
		c.checkFull(c.handle.Limits())
	}
	return unknown
}

// sayUnknown tells the program that nobody gets item. Its log may use the Conn.
func (c *Conn) sayUnknown(item any) {
	r := &c.handshake.request
	logOf(r).Error("a stage has handed a Conn what it does not know: it takes frames, and values are for frame handlers",
		"type", fmt.Sprintf("%T", item), "path", r.URL.Path)
}

// mark puts m behind what there is, or answers it. The lock must be held.
func (c *Conn) mark(m actors.Mark) {
	switch queued, inWork := len(c.queue), len(c.work); {
	case c.phase.over() && c.session: // see leave
		c.held++
	case c.intake != queueing:
		c.handle.WorkedThrough(1)
	case queued > 0:
		if last := &c.queue[queued-1]; m.Settles || last.work > 0 {
			last.work++
		} else {
			last.marks++
		}
	case inWork > 0 && (m.Settles || c.keeping || c.work[inWork-1] > 0):
		c.work[inWork-1]++
	default:
		c.handle.WorkedThrough(1)
	}
}

// Ended is the last that is called.
func (t *connTop) Ended() {
	t.done.close()
	if t.phase == connOpening || t.phase == connFailed {
		close(t.opened)
	}
}
