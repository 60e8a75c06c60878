package pipeline

import (
	"slices"

	"github.com/spindrift-go/spindrift/frame"
)

// Policy is what happens to output when more of it waits than may.
type Policy byte

// The policies for a peer that takes its messages too slowly.
const (
	CloseSlow  Policy = iota // end the connection, with 1008
	DropNewest               // messages that find no space are dropped
	DropOldest               // those that wait longest are dropped to make space
)

// Dropped tells a handler of messages that will not go out, since it was last told.
type Dropped struct{ Messages, Bytes int }

// losses is what a stage has dropped, until the handler is told.
type losses struct {
	dropped Dropped // not told yet
	silent  bool    // the first drop of this time was told
}

// refuse drops f, with which so many messages are lost.
func (l *losses) refuse(f *frame.Frame, messages int) {
	l.dropped.Messages += messages
	l.dropped.Bytes += len(f.Payload)
	f.Sent()
}

// tell reports the first drop of a time at once.
func (l *losses) tell(to *link) {
	if !l.silent && l.dropped != (Dropped{}) {
		l.silent = true
		l.report(to)
	}
}

func (l *losses) report(to *link) {
	if l.dropped != (Dropped{}) {
		told := l.dropped
		l.dropped = Dropped{}
		to.up(&told)
	}
}

// makeSpace drops one message that waits; false if there is none that may be.
func (b *outbox) makeSpace() bool {
	first := 0
	if b.open { // what waits first is the rest of a message that has begun to go out
		for first < len(b.queue) && b.queue[first].Opcode == frame.OpContinuation {
			first++
		}
	}
	if first == len(b.queue) {
		return false
	}
	if b.Policy == DropNewest {
		for i := len(b.queue) - 1; i > first; i-- {
			if b.queue[i].Opcode != frame.OpContinuation {
				first = i
				break
			}
		}
	}
	last := first + 1
	for last < len(b.queue) && b.queue[last].Opcode == frame.OpContinuation {
		last++
	}
	if last == len(b.queue) && b.coming == waits {
		b.coming = dropped
	}
	b.dropped.Messages++
	b.unqueue(first, last)
	b.tell(&b.link)
	return true
}

// unqueue takes frames out of the queue that will not go out.
func (b *outbox) unqueue(first, last int) {
	for _, f := range b.queue[first:last] {
		b.size -= cost(f)
		b.refuse(f, 0)
	}
	if first == 0 { // the usual way to drop the oldest moves nothing
		clear(b.queue[:last])
		b.queue = b.queue[last:]
	} else {
		b.queue = slices.Delete(b.queue, first, last)
	}
}

// abandon: what still waits at the end will not go out.
func (b *outbox) abandon() {
	for i, f := range b.queue {
		if i == 0 || f.Opcode != frame.OpContinuation {
			b.dropped.Messages++
		}
	}
	b.unqueue(0, len(b.queue))
}
