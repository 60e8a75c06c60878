package pipeline

import "github.com/spindrift-go/spindrift/frame"

// Text checks that text messages are UTF-8, piece by piece as they come up: bad
// text ends the connection at the first impossible byte, also in the middle of a
// frame (RFC 6455 8.1).
func Text(up, down Sink) (Sink, Sink) {
	var text bool
	var check frame.UTF8
	onUp := func(item any) {
		f, ok := item.(*frame.Frame)
		if !ok || f.Opcode.Control() {
			up(item)
			return
		}
		if f.Opcode != frame.OpContinuation {
			text = f.Opcode == frame.OpText
		}
		if text && (!check.Write(f.Payload) || f.Fin && !check.Done()) {
			down(notUTF8)
			return
		}
		up(item)
	}
	return onUp, down
}

var notUTF8 = frame.Failure(frame.InvalidPayload, "text is not UTF-8")
