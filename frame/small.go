package frame

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// inline is how many payload bytes share their frame's allocation: frame and
// payload together fill a size class of 128 bytes (see BenchmarkNew).
const inline = 128 - int(unsafe.Sizeof(Frame{}))

type small struct {
	Frame
	bytes [inline]byte
}

// The leases of frames that are part of a small. They are compared, never looked
// into by Release.
var (
	inlined      = new(lease)
	inlinedGiven = &lease{given: true}
)

// smalls holds released ones. As long as nobody releases any, New does not look:
// an empty pool searches the pools of all cores.
var (
	smalls    sync.Pool
	hasSmalls atomic.Bool
)

func newSmall(op Opcode) *Frame {
	var s *small
	if hasSmalls.Load() {
		if s, _ = smalls.Get().(*small); s == nil {
			hasSmalls.Store(false)
		}
	}
	if s == nil {
		s = new(small)
	}
	s.Frame = Frame{Header: Header{Fin: true, Opcode: op}, Payload: s.bytes[:0:inline], lease: inlined}
	return &s.Frame
}

// recycle releases f, which New made as part of a small: if its payload is still
// there, and not elsewhere as a copy's is. What was in a Ping may be waited for.
func (f *Frame) recycle() {
	at := uintptr(unsafe.Pointer(unsafe.SliceData(f.Payload))) - uintptr(unsafe.Pointer(f))
	f.lease, f.Payload = nil, nil
	if at != unsafe.Offsetof(small{}.bytes) || f.Opcode.Control() {
		return
	}
	smalls.Put((*small)(unsafe.Pointer(f)))
	if !hasSmalls.Load() {
		hasSmalls.Store(true)
	}
}
