package pipeline

import (
	"sync/atomic"

	"github.com/spindrift-go/spindrift/frame"
)

// Budget bounds the memory that is held on behalf of peers, over all connections that
// share it. The connection that would go over it is ended with 1013. Use it by pointer.
//
// What counts, each with the space that it takes and not only what is in it: messages that
// have arrived in part, coders in the middle of a message, windows that permessage-deflate
// keeps between messages; and of the driver, input that waits for the handler's credit and
// output that the peer does not take. What a handler was given, or has made and sent, is
// the handler's: an Outbox has its own limit.
type Budget struct {
	Max  int64 // bytes; 0: only count
	used atomic.Int64
}

// Used is the number of bytes that are held.
func (b *Budget) Used() int64 { return b.used.Load() }

// Stage answers each Hold. Its place is below Deflate, above Closing.
func (b *Budget) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, &budgeted{Budget: b}) }
}

type budgeted struct {
	link
	*Budget
	held   int64 // by this connection
	closed bool  // and nothing any more
}

func (b *budgeted) onDown(item any) {
	if h, ok := item.(*Hold); ok {
		h.Refused = !b.hold(int64(h.Bytes))
		return
	}
	b.down(item)
}

// noMemory is how a connection ends that a Hold was refused.
var noMemory = frame.Failure(frame.TryAgainLater, "out of memory for messages")

// hold counts n bytes more, if they may be held.
func (b *budgeted) hold(n int64) bool {
	if b.closed {
		return true
	}
	if used := b.used.Add(n); n > 0 && b.Max > 0 && used > b.Max {
		b.used.Add(-n)
		return false
	}
	b.held += n
	return true
}

func (b *budgeted) onUp(item any) {
	switch m := item.(type) {
	case *Hold: // the driver's
		if m.Refused = !b.hold(int64(m.Bytes)); m.Refused {
			b.down(noMemory)
		}
		return
	case *Closed: // what is above lets go of everything
		b.used.Add(-b.held)
		b.held, b.closed = 0, true
	}
	b.up(item)
}

// holding is what a layer holds, as the Budget below it knows it.
type holding int

// set tells the Budget that it is n bytes now. It reports false if that is refused.
func (h *holding) set(n int, l *link) bool {
	if n == int(*h) {
		return true
	}
	m := &Hold{Bytes: n - int(*h)}
	if l.down(m); m.Refused {
		return false
	}
	*h = holding(n)
	return true
}
