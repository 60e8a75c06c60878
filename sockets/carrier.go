package sockets

import (
	"sync"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
)

// carrier is one side of a Proxy's connection, an actors.Receiver: what it is delivered goes to
// the other side, and is worked through when that side has written it.
type carrier struct {
	pair  *carriers
	other *carrier
	lost  frame.Code // what the other side is told when this one has ended without a Close

	// Under the pair's lock.
	handle  *actors.Handle // nil until the connection is there
	ended   bool
	pending []any // for the other side, until it is there
	owed    int   // marks that the other side has not reached
}

// carriers are the two sides.
type carriers struct {
	mu          sync.Mutex
	ping        string // payload of the proxy's own Pings
	front, back carrier
}

func newCarriers(ping string) (front, back *carrier) {
	c := &carriers{ping: ping}
	front, back = &c.front, &c.back
	*front = carrier{pair: c, other: back, lost: frame.GoingAway}
	*back = carrier{pair: c, other: front, lost: frame.BadGateway}
	return front, back
}

// Attached makes carrier an actors.Receiver.
func (c *carrier) Attached(h *actors.Handle) {
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	c.handle = h
	pending := c.other.pending
	c.other.pending = nil
	for _, item := range pending {
		c.other.carry(item)
	}
}

// Deliver makes carrier an actors.Receiver.
func (c *carrier) Deliver(items []any) {
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	for _, item := range items {
		switch m := item.(type) {
		case *frame.Frame:
			if m.Opcode == frame.OpPong && string(m.Payload) == c.pair.ping {
				m.Release()
				continue
			}
		case actors.Mark, *Closed:
		default: // nothing of the other side's
			continue
		}
		if c.other.handle == nil && !c.other.ended {
			c.pending = append(c.pending, item)
		} else {
			c.carry(item)
		}
	}
}

// carry takes an item to the other side. The lock must be held.
func (c *carrier) carry(item any) {
	to := c.other
	switch m := item.(type) {
	case *frame.Frame:
		if to.ended {
			m.Release()
		} else {
			to.handle.Post(m.Handover())
		}
	case actors.Mark:
		if to.ended {
			c.handle.WorkedThrough(1)
		} else {
			c.owed++
			to.handle.Flush(c.written)
		}
	case *Closed:
		if to.ended {
			return
		}
		code, reason := m.Code, m.Reason
		if code == frame.Abnormal {
			code, reason = c.lost, "connection lost"
		}
		to.handle.Post(frame.Close(code, reason))
	}
}

// written: the other side has written what came before a mark, or has ended.
func (c *carrier) written(error) {
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	if c.owed > 0 {
		c.owed--
		c.handle.WorkedThrough(1)
	}
}

// Ended makes carrier an actors.Receiver. What the other side delivers from now on goes nowhere.
func (c *carrier) Ended() {
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	c.ended = true
	from := c.other
	if from.handle == nil { // it will never be there, or learns of it when it is
		return
	}
	for _, item := range from.pending {
		from.carry(item)
	}
	from.pending = nil
	from.handle.WorkedThrough(from.owed)
	from.owed = 0
}

// abort ends a side that was never there.
func (c *carrier) abort() {
	c.pair.mu.Lock()
	ended := c.ended
	c.pair.mu.Unlock()
	if !ended {
		c.Deliver([]any{&Closed{Code: frame.Abnormal}})
		c.Ended()
	}
}
