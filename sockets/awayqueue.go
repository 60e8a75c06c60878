package sockets

import "github.com/spindrift-go/spindrift/frame"

// awayQueue is what waits for a client's next connection.
type awayQueue[T any] struct {
	policy *Reconnect
	size   func(T) int
	items  []T
	bytes  int
	lost   Dropped // not told yet
	silent bool    // the first was told
}

// add keeps an item, or drops it or older ones. It returns what is to be told at once: the
// first loss of a time; the others are told together when it is over.
func (q *awayQueue[T]) add(item T) *Dropped {
	n := q.size(item)
	for q.full(n) {
		if q.policy.WhenFull != DropOldest || len(q.items) == 0 {
			return q.drop(n)
		}
		first := q.size(q.items[0])
		q.items = append(q.items[:0], q.items[1:]...)
		q.bytes -= first
		q.lose(first)
	}
	q.items = append(q.items, item)
	q.bytes += n
	return q.first()
}

func (q *awayQueue[T]) full(n int) bool {
	limit := or(q.policy.QueueBytes, 1<<20)
	return len(q.items) >= q.policy.Queue || limit > 0 && q.bytes+n > limit
}

// drop loses a message of n bytes that cannot wait.
func (q *awayQueue[T]) drop(n int) *Dropped {
	q.lose(n)
	return q.first()
}

func (q *awayQueue[T]) lose(n int) {
	q.lost.Messages++
	q.lost.Bytes += n
}

func (q *awayQueue[T]) first() *Dropped {
	if q.silent || q.lost.Messages == 0 {
		return nil
	}
	q.silent = true
	return q.report()
}

func (q *awayQueue[T]) report() *Dropped {
	if q.lost.Messages == 0 {
		return nil
	}
	d := q.lost
	q.lost = Dropped{}
	return &d
}

// empty returns what waits, and what was lost and not told.
func (q *awayQueue[T]) empty() ([]T, *Dropped) {
	items := q.items
	q.items, q.bytes, q.silent = nil, 0, false
	return items, q.report()
}

// abandon loses all that waits.
func (q *awayQueue[T]) abandon() *Dropped {
	for _, item := range q.items {
		q.lose(q.size(item))
	}
	_, lost := q.empty()
	return lost
}

// fragments tells pieces of messages whose beginning went out by the present connection from
// those of one before, which the peer would take for a mistake.
type fragments struct{ open bool }

// fits reports whether f may go out by the present connection, if there is one.
func (s *fragments) fits(f *frame.Frame) bool {
	switch {
	case f.Opcode.Control():
	case f.Opcode != frame.OpContinuation:
		s.open = !f.Fin
	case !s.open:
		return false
	default:
		s.open = !f.Fin
	}
	return true
}
