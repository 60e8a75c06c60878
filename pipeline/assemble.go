package pipeline

import (
	"math"

	"github.com/spindrift-go/spindrift/frame"
)

// Assemble makes whole messages of the pieces that come up: every data frame
// above it has Fin, and a payload that belongs to the receiver. What it holds is
// at most four times what has arrived, whatever was declared. Control frames
// overtake a message in pieces, as they did on the wire; their payload is copied
// too.
func Assemble(up, down Sink) (Sink, Sink) {
	var message *frame.Frame // nil outside a message in pieces
	var rest int             // of its latest frame, still to come
	onUp := func(item any) {
		f, ok := item.(*frame.Frame)
		switch {
		case !ok:
			up(item)
			return
		case f.Opcode.Control(), f.Fin && message == nil:
			up(own(f))
			return
		case message == nil:
			message, rest = frame.New(f.Opcode, 0), 0
			message.Fin, message.RSV = false, f.RSV
		}
		if rest == 0 { // a new frame: all its pieces have its Length
			rest = int(min(f.Length, math.MaxInt32))
		}
		message.Grow(len(message.Payload)+len(f.Payload), len(message.Payload)+rest)
		message.Payload = append(message.Payload, f.Payload...)
		rest = max(0, rest-len(f.Payload))
		if f.Fin {
			message.Fin = true
			whole := message
			message = nil
			up(whole)
		}
	}
	return onUp, down
}

// Stream takes the place of Assemble for messages that need not be whole: every
// piece goes up as it arrives, copied, so that its payload belongs to the
// receiver. The first has the message's opcode, the last has Fin; a piece may be
// empty.
func Stream(up, down Sink) (Sink, Sink) {
	onUp := func(item any) {
		if f, ok := item.(*frame.Frame); ok {
			item = own(f)
		}
		up(item)
	}
	return onUp, down
}

// own copies a borrowed piece into a frame of the receiver's own. The mask and
// the length were the wire's affair.
func own(f *frame.Frame) *frame.Frame {
	g := frame.New(f.Opcode, len(f.Payload))
	g.Fin = f.Fin
	g.RSV = f.RSV
	g.Payload = append(g.Payload, f.Payload...)
	return g
}
