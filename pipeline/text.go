package pipeline

import "github.com/spindrift-go/spindrift/frame"

// Text checks that text messages are UTF-8, piece by piece as they come up: bad
// text ends the connection at the first impossible byte, also in the middle of a
// frame (RFC 6455 8.1).
func Text(up, down Sink) (Sink, Sink) { return asStage(up, down, new(checker)) }

type checker struct {
	link
	is   bool // the message is text
	utf8 frame.UTF8
}

func (c *checker) onUp(item any) {
	f, ok := item.(*frame.Frame)
	if ok && !f.Opcode.Control() && !c.valid(f) {
		c.down(notUTF8)
		return
	}
	c.up(item)
}

func (c *checker) valid(f *frame.Frame) bool {
	if f.Opcode != frame.OpContinuation {
		c.is = f.Opcode == frame.OpText
	}
	switch {
	case !c.is, f.ASCII() && c.utf8.Done():
		return true
	}
	return c.utf8.Write(f.Payload) && (!f.Fin || c.utf8.Done())
}

var notUTF8 = frame.Failure(frame.InvalidPayload, "text is not UTF-8")
