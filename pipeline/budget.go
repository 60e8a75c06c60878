package pipeline

import (
	"sync/atomic"

	"github.com/spindrift-go/spindrift/frame"
)

// Budget bounds what has arrived of messages that are not whole yet, over all
// connections that share it. The connection that would go over it is ended with
// 1013. Memory can be up to five times as much, see Assemble. Use it by pointer.
type Budget struct {
	Max  int64 // bytes; 0: only count
	used atomic.Int64
}

// Used is the number of bytes that have arrived of messages not whole yet.
func (b *Budget) Used() int64 { return b.used.Load() }

// Stage counts the pieces that go up to an Assemble above it.
func (b *Budget) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, &budgeted{Budget: b}) }
}

type budgeted struct {
	link
	*Budget
	held int64 // by this connection's message
}

func (b *budgeted) onUp(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		if m.Opcode.Control() || m.Fin && b.held == 0 {
			break
		}
		if m.Fin {
			b.release()
			break
		}
		n := int64(len(m.Payload))
		if used := b.used.Add(n); b.Max > 0 && used > b.Max {
			b.used.Add(-n) // it is not kept
			b.down(frame.Failure(frame.TryAgainLater, "out of memory for messages"))
			return
		}
		b.held += n
	case *Closed:
		b.release()
	}
	b.up(item)
}

func (b *budgeted) release() {
	b.used.Add(-b.held)
	b.held = 0
}
