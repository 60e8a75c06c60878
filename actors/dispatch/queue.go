package dispatch

import (
	"sync/atomic"

	"github.com/spindrift-go/spindrift/internal/pool"
)

// segment is a run of slots, 512 bytes in all. The consumer owns read, the producers' lock owns written and next.
type segment struct {
	slots         [31]any
	next          *segment
	read, written int32
}

var segments = pool.New("segments", func() any { return new(segment) })

// queue is an unbounded FIFO of pooled segments. Producers share a lock that the queue's owner keeps; the one consumer pops without
// it, for count tells it that a slot has been filled. An empty queue that was freed holds no segment.
type queue struct {
	head, tail *segment
	count      atomic.Int32
	spare      atomic.Uint32 // for the queue's owner: four bytes that would be padding
}

// push appends x. The producers' lock must be held.
func (q *queue) push(x any) {
	t := q.tail
	switch {
	case t == nil:
		t = segments.Get().(*segment)
		q.head, q.tail = t, t
	case int(t.written) == len(t.slots):
		t.next = segments.Get().(*segment)
		t = t.next
		q.tail = t
	}
	t.slots[t.written] = x
	t.written++
	q.count.Add(1)
}

// pop takes the oldest item and forgets it, so that the queue does not keep it alive.
func (q *queue) pop() (x any, ok bool) {
	if q.count.Load() == 0 {
		return nil, false
	}
	s := q.head
	if int(s.read) == len(s.slots) {
		q.head = s.next
		s.recycle()
		s = q.head
	}
	x, s.slots[s.read] = s.slots[s.read], nil
	s.read++
	q.count.Add(-1)
	return x, true
}

// pushFront makes x the oldest item. The producers' lock must be held, and nobody may pop meanwhile.
func (q *queue) pushFront(x any) {
	if q.head == nil {
		q.push(x)
		return
	}
	if q.head.read == 0 {
		s := segments.Get().(*segment)
		s.next, s.read, s.written = q.head, int32(len(s.slots)), int32(len(s.slots))
		q.head = s
	}
	q.head.read--
	q.head.slots[q.head.read] = x
	q.count.Add(1)
}

// free gives the last segment of an empty queue back. The consumer calls it, holding the producers' lock.
func (q *queue) free() {
	if q.tail != nil && q.count.Load() == 0 {
		q.tail.recycle()
		q.head, q.tail = nil, nil
	}
}

func (s *segment) recycle() {
	s.next, s.read, s.written = nil, 0, 0
	segments.Put(s)
}

// inbox is a queue whose first item lies in the inbox itself, while those before it have been taken: most mailboxes never hold two.
type inbox struct {
	queue
	first any // older than what the queue has; nil: nothing is. Producers fill it when there is nothing else, the consumer empties it
}

func (b *inbox) push(x any) {
	if b.tail != nil || x == nil || b.count.Load() > 0 {
		b.queue.push(x)
		return
	}
	b.first = x
	b.count.Add(1)
}

func (b *inbox) pop() (x any, ok bool) {
	if b.count.Load() == 0 {
		return nil, false
	}
	if x = b.first; x == nil {
		return b.queue.pop()
	}
	b.first = nil
	b.count.Add(-1)
	return x, true
}
