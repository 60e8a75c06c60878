package pipeline

import "github.com/spindrift-go/spindrift/frame"

// Policy is what happens to output when more of it waits than may.
type Policy byte

// The policies for a peer that takes its messages too slowly.
const (
	CloseSlow  Policy = iota // end the connection, with 1008
	DropNewest               // messages that find no room are dropped
	DropOldest               // those that wait longest are dropped to make room
)

// Outbox keeps messages back while the wire is slow, and drops some when they are
// too many. Only whole messages that have not begun to go out are dropped;
// control frames pass, and a Close goes out behind all that waits. The handler is
// told what was dropped, by Dropped: the first one at once, others when the wire
// has caught up or the connection ends.
type Outbox struct {
	Limit  int    // bytes of messages that may wait; 0: no limit
	High   int    // bytes that the wire may have waiting before messages are kept back
	Policy Policy // DropNewest or DropOldest
}

// Dropped tells a handler of messages that will not go out, since it was last told.
type Dropped struct{ Messages, Bytes int }

// Stage returns the outbox as a stage.
func (o Outbox) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) {
		b := &outbox{Outbox: o, up: up, down: down}
		return b.onUp, b.onDown
	}
}

type outbox struct {
	Outbox
	up, down Sink
	queue    []*frame.Frame // wait, oldest first
	size     int            // bytes of them
	open     bool           // a message has gone out in part
	partial  bool           // the newest message that waits is not complete
	dropping bool           // what comes down continues a message that was dropped
	told     bool           // of Backpressure, and not of Drained
	dropped  Dropped        // not told yet
	silent   bool           // the first drop of this time was told
}

func (b *outbox) onUp(item any) {
	switch item.(type) {
	case *Flushed:
		b.release()
	case *Backpressure:
		if b.told {
			return
		}
		b.told = true
	case *Drained:
		if b.release(); len(b.queue) > 0 {
			return
		}
		b.told = false
		b.report()
		b.silent = false
	case *Closed:
		b.report()
	}
	b.up(item)
}

func (b *outbox) onDown(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		switch {
		case m.Opcode == frame.OpClose:
			b.flush()
		case !m.Opcode.Control():
			b.take(m)
			return
		}
	case *Leave:
		b.flush()
	case *Limits:
		set(&b.Limit, m.Out)
	}
	b.down(item)
}

// take sends a frame of a message on, keeps it, or drops it.
func (b *outbox) take(f *frame.Frame) {
	begins := f.Opcode != frame.OpContinuation
	if begins {
		b.dropping = false
	}
	if b.dropping {
		b.drop(f, 0)
		return
	}
	if len(b.queue) == 0 && (b.open || b.room()) {
		b.pass(f)
		return
	}
	b.queue = append(b.queue, f)
	b.size += len(f.Payload)
	b.partial = !f.Fin
	for b.Limit > 0 && b.size > b.Limit && b.makeRoom() {
	}
}

// makeRoom drops one message that waits; false if there is none that may be.
func (b *outbox) makeRoom() bool {
	first := 0
	if b.open { // what waits first is the rest of a message that has begun to go out
		for first < len(b.queue) && b.queue[first].Opcode == frame.OpContinuation {
			first++
		}
	}
	if b.Policy == DropNewest {
		for i := len(b.queue) - 1; i > first; i-- {
			if b.queue[i].Opcode != frame.OpContinuation {
				first = i
				break
			}
		}
	}
	last := first
	for last < len(b.queue) && (last == first || b.queue[last].Opcode == frame.OpContinuation) {
		last++
	}
	if last == first {
		return false
	}
	if last == len(b.queue) && b.partial { // the rest of it is still to come
		b.dropping, b.partial = true, false
	}
	for i, f := range b.queue[first:last] {
		b.size -= len(f.Payload)
		b.drop(f, 1-min(i, 1))
	}
	b.queue = append(b.queue[:first], b.queue[last:]...)
	return true
}

func (b *outbox) drop(f *frame.Frame, messages int) {
	b.dropped.Messages += messages
	b.dropped.Bytes += len(f.Payload)
	f.Sent()
	if !b.silent && messages > 0 {
		b.silent = true
		b.report()
	}
}

func (b *outbox) report() {
	if b.dropped != (Dropped{}) {
		told := b.dropped
		b.dropped = Dropped{}
		b.up(&told)
	}
}

// release sends on what the wire has room for.
func (b *outbox) release() {
	for len(b.queue) > 0 && b.room() {
		b.shift()
	}
}

// flush sends all on that waits: a close is to follow it.
func (b *outbox) flush() {
	for len(b.queue) > 0 {
		b.shift()
	}
}

func (b *outbox) shift() {
	f := b.queue[0]
	b.queue[0] = nil
	if b.queue = b.queue[1:]; len(b.queue) == 0 {
		b.queue = nil
	}
	b.size -= len(f.Payload)
	b.pass(f)
}

func (b *outbox) pass(f *frame.Frame) {
	b.open = !f.Fin
	b.down(f)
}

func (b *outbox) room() bool {
	var s Status
	b.down(&s)
	return s.Waiting < b.High
}
