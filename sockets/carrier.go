package sockets

import (
	"sync"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// carrier is one side of a Proxy's connection, an actors.LastWordReceiver: what it is delivered
// goes to the other side, and is worked through when that side has written it. When its peer has
// said its last word the other side is closed, and what comes from there until that has ended
// goes out before the answer.
type carrier struct {
	pair  *carriers
	other *carrier
	lost  frame.Code // what the other side is told when this one has ended without a Close

	// Under the pair's lock.
	handle  *actors.Handle // nil until the connection is there
	ended   bool
	pending []any // for the other side, until it is there
	owed    int   // marks that the other side has not reached
	said    bool  // the peer's last word, or this side's end, was carried over
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
		c.carryOrKeep(item)
	}
}

// LastWord makes carrier an actors.LastWordReceiver.
func (c *carrier) LastWord(m *pipeline.Settle) {
	c.pair.mu.Lock()
	defer c.pair.mu.Unlock()
	c.carryOrKeep(m)
}

// carryOrKeep keeps an item if the other side is not there yet. The lock must be held.
func (c *carrier) carryOrKeep(item any) {
	if c.other.handle == nil && !c.other.ended {
		c.pending = append(c.pending, item)
	} else {
		c.carry(item)
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
		switch {
		case to.ended:
			c.handle.WorkedThrough(1)
		case c.said: // paid back by the other side's end
			c.owed++
		default:
			c.owed++
			to.handle.Flush(c.written)
		}
	case *pipeline.Settle:
		c.close(m.Code, m.Reason)
	case *Closed:
		c.close(m.Code, m.Reason)
	}
}

// close tells the other side of this one's last word, unless it was the first to have one: it
// answers that itself then. The lock must be held.
func (c *carrier) close(code frame.Code, reason string) {
	if c.said || c.other.said || c.other.ended {
		return
	}
	c.said = true
	if code == frame.Abnormal {
		code, reason = c.lost, "connection lost"
	}
	c.other.handle.Post(frame.Close(code, reason))
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
