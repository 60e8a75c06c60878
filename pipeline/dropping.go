package pipeline

import (
	"slices"

	"github.com/spindrift-go/spindrift/frame"
)

// What an Outbox drops, and how it says so.

func (b *outbox) refuse(f *frame.Frame, messages int) {
	b.dropped.Messages += messages
	b.dropped.Bytes += len(f.Payload)
	f.Sent()
}

// makeRoom drops one message that waits; false if there is none that may be.
func (b *outbox) makeRoom() bool {
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
	b.forget(first, last)
	b.tell()
	return true
}

// forget takes frames out of the queue that will not go out.
func (b *outbox) forget(first, last int) {
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
	b.forget(0, len(b.queue))
}

// tell reports the first drop of a time at once.
func (b *outbox) tell() {
	if !b.silent {
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
