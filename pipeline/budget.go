package pipeline

import (
	"sync/atomic"

	"github.com/spindrift-go/spindrift/frame"
)

// Budget bounds the memory that messages take which have arrived in part, over
// all connections that share it. The connection that would go over it is ended
// with 1013. Use it by pointer.
type Budget struct {
	Max  int64 // bytes
	used atomic.Int64
}

// Used is the number of bytes that messages in part take now.
func (b *Budget) Used() int64 { return b.used.Load() }

// Stage counts the pieces that go up to an Assemble above it.
func (b *Budget) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) {
		var held int64 // by this connection's message
		onUp := func(item any) {
			switch m := item.(type) {
			case *frame.Frame:
				if m.Opcode.Control() || m.Fin && held == 0 {
					break
				}
				if m.Fin {
					b.used.Add(-held)
					held = 0
					break
				}
				n := int64(len(m.Payload))
				if held += n; b.used.Add(n) > b.Max {
					down(frame.Failure(frame.TryAgainLater, "out of memory for messages"))
					return
				}
			case *Closed:
				b.used.Add(-held)
				held = 0
			}
			up(item)
		}
		return onUp, down
	}
}
