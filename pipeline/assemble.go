package pipeline

import (
	"math"

	"github.com/spindrift-go/spindrift/frame"
)

// Assemble makes whole messages of the pieces that come up: every data frame
// above it has Fin, and a payload that belongs to the receiver. What it holds is
// at most five times what has arrived, whatever was declared; under 4 KiB, twice.
// It asks for that with a Hold, which a Budget below answers. Control frames
// overtake a message in pieces, as they did on the wire; their payload is copied
// too.
//
// With Core.StreamOver a message that is longer goes up in pieces instead, as Stream has them.
func Assemble(up, down Sink) (Sink, Sink) { return asStage(up, down, new(assembler)) }

type assembler struct {
	link
	message *frame.Frame // nil outside a message in pieces
	over    int64        // bytes: a message that is longer goes up in pieces; 0: none does
	rest    int32        // of its latest frame, still to come
	free    bool         // there is no Budget to ask
	passing bool         // a message goes up in pieces
}

func (a *assembler) onUp(item any) {
	f, ok := item.(*frame.Frame)
	switch {
	case !ok:
		switch m := item.(type) {
		case *Space:
			m.Buf = a.spaceIn(min(int(a.rest), m.Max))
			return
		case streamNow:
			a.stream()
			return
		case *Closed:
			a.message = nil // not released: the bytes under way may lie in it
		}
		a.up(item)
	case f.Opcode.Control():
		a.up(f.Own())
	case a.passing:
		a.passing = !f.Fin
		a.up(f.Own())
	case f.Fin && a.message == nil:
		a.up(f.Own())
	default:
		a.add(f)
	}
}

// add takes a piece of a message.
func (a *assembler) add(f *frame.Frame) {
	message, held := a.message, 0
	if message != nil {
		held = footprint(message)
	} else {
		message = frame.New(f.Opcode, 0)
		message.Fin, message.RSV = false, f.RSV
		a.message, a.rest = message, 0
	}
	if a.rest == 0 { // a new frame: all its pieces have its Length
		a.rest = int32(min(f.Length, math.MaxInt32))
	}
	if n := max(len(f.Payload), int(a.rest)); a.over > 0 && int64(len(message.Payload)+n) > a.over {
		a.pass(f, held)
		return
	}
	if n := len(message.Payload); inPlace(message.Payload, f.Payload) {
		message.Payload = message.Payload[:n+len(f.Payload)]
	} else {
		message.Grow(n+len(f.Payload), n+int(a.rest))
		message.Payload = append(message.Payload, f.Payload...)
	}
	a.rest = int32(max(0, int(a.rest)-len(f.Payload)))
	if f.Fin {
		message.Fin = true
		a.message = nil
		a.hold(-held)
		a.up(message)
		return
	}
	a.hold(footprint(message) - held)
}

// pass lets the message go up in pieces from now on: what there is of it, of which held bytes
// are asked for, and f. Its first piece has its opcode.
func (a *assembler) pass(f *frame.Frame, held int) {
	message := a.message
	a.message, a.rest, a.passing = nil, 0, !f.Fin
	if held == 0 { // f is the first
		a.up(f.Own())
		return
	}
	a.hold(-held)
	a.up(message)
	a.up(f.Own())
}

// streamNow asks an Assemble to be a Stream.
type streamNow struct{}

// stream lets all messages that come in pieces go up so, and what there is of the present one.
func (a *assembler) stream() {
	if a.over = 1; a.message == nil {
		return
	}
	message := a.message
	a.message, a.rest, a.passing = nil, 0, true
	a.hold(-footprint(message))
	a.up(message.Own()) // a copy: the bytes under way may lie in it
}

// footprint is what a message in pieces takes.
func footprint(message *frame.Frame) int { return frameCost + cap(message.Payload) }

// hold asks for n bytes more, or gives them back. What is not granted is let go.
func (a *assembler) hold(n int) {
	if n == 0 || a.free {
		return
	}
	h := &Hold{Bytes: n}
	if a.down(h); h.Refused {
		a.message = nil
		a.down(noMemory)
	}
}

// maxDirectRead is the most that is read at once into a message: what is unmasked and
// checked right afterwards should still be in the processor's cache.
const maxDirectRead = 256 << 10

// minDirectRead is the least space that is read into, and the least of a message that must have
// arrived before any space is made for the rest.
const minDirectRead = 8 << 10

// spaceIn is where the next bytes of a message belong, of which rest are to come.
func (a *assembler) spaceIn(rest int) []byte {
	message := a.message
	if message == nil || rest == 0 {
		return nil
	}
	n, held := len(message.Payload), footprint(message)
	if n < minDirectRead { // nothing is allocated for what a header announces before as much has arrived
		return nil
	}
	if free := cap(message.Payload) - n; free < min(rest, minDirectRead) {
		message.Grow(n+minDirectRead, min(n+rest, 4*n))
		if a.hold(footprint(message) - held); a.message == nil {
			return nil
		}
	}
	return message.Payload[n:min(n+rest, n+maxDirectRead, cap(message.Payload))]
}

// inPlace reports whether next was read to where payload has space for it.
func inPlace(payload, next []byte) bool {
	n := len(payload)
	return len(next) > 0 && cap(payload) >= n+len(next) && &payload[:n+1][n] == &next[0]
}

// Stream takes the place of Assemble for messages that need not be whole: every
// piece goes up as it arrives, copied, so that its payload belongs to the
// receiver. The first has the message's opcode, the last has Fin; a piece may be
// empty.
func Stream(up, down Sink) (Sink, Sink) { return asStage(up, down, new(streamer)) }

type streamer struct{ link }

func (s *streamer) onUp(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		item = m.Own()
	case *Space, streamNow:
		return
	}
	s.up(item)
}
