package pipeline

import "sync/atomic"

// Budget bounds the memory that is held for messages that are not whole yet, over all
// connections that share it. It counts what they take, and not what has arrived of
// them. The connection that would go over it is ended with 1013. Use it by pointer.
type Budget struct {
	Max  int64 // bytes; 0: only count
	used atomic.Int64
}

// Used is the number of bytes that are held.
func (b *Budget) Used() int64 { return b.used.Load() }

// Stage answers each Hold from above, where Assemble is.
func (b *Budget) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, &budgeted{Budget: b}) }
}

type budgeted struct {
	link
	*Budget
	held int64 // by this connection
}

func (b *budgeted) onDown(item any) {
	if h, ok := item.(*Hold); ok {
		h.Refused = !b.hold(int64(h.Bytes))
		return
	}
	b.down(item)
}

// hold counts n bytes more, if they may be held.
func (b *budgeted) hold(n int64) bool {
	if used := b.used.Add(n); n > 0 && b.Max > 0 && used > b.Max {
		b.used.Add(-n)
		return false
	}
	b.held += n
	return true
}

func (b *budgeted) onUp(item any) {
	if _, last := item.(*Closed); last { // what is above lets go of everything
		b.used.Add(-b.held)
		b.held = 0
	}
	b.up(item)
}
