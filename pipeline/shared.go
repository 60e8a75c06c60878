package pipeline

import (
	"sync/atomic"

	"github.com/spindrift-go/spindrift/frame"
)

// Shared remembers the latest message that more than one connection was sent,
// compressed: a broadcast is compressed once and not for each receiver. The zero
// value is ready. It keeps that message alive until the next one.
type Shared struct {
	slots [deflaterKinds]slot
}

// slot is a Shared for one kind of compressor: only connections without context
// takeover, which all compress alike.
type slot struct {
	seen atomic.Pointer[frame.Frame]
	last atomic.Pointer[sharedFrame]
}

// sharedFrame is a message and what it was compressed to. That plain is known by its
// address is enough: as long as it is remembered no other frame can be there.
type sharedFrame struct{ plain, deflated *frame.Frame }

// find returns what f was compressed to, if that is remembered.
func (s *slot) find(f *frame.Frame) *frame.Frame {
	if s != nil && !f.HandedOver() {
		if last := s.last.Load(); last != nil && last.plain == f {
			return last.deflated
		}
	}
	return nil
}

// keep remembers a copy of g, which f was compressed to; but not before f comes
// for the second time, so that messages to a single connection cost nothing.
func (s *slot) keep(f, g *frame.Frame) {
	switch {
	case s == nil || f.HandedOver(): // for one connection only
	case s.seen.Load() != f:
		s.seen.Store(f)
	case g == f:
		s.last.Store(&sharedFrame{f, f})
	default:
		s.last.Store(&sharedFrame{f, &frame.Frame{Header: g.Header, Payload: append([]byte(nil), g.Payload...)}})
	}
}
