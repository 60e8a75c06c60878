package sockets

import (
	"bytes"
	"context"
	"io"

	"github.com/spindrift-go/spindrift/frame"
)

// Incoming is a message that has come in: a *[Message], or what [IncomingOf] makes of a whole
// *frame.Frame, for code that serves messages of any length. Op is frame.OpText or frame.OpBinary. Reader
// reads the payload. Collect returns the message as a whole, of limit bytes at most, and
// waits for it as long as ctx lasts.
type Incoming interface {
	Op() frame.Opcode
	Reader() io.Reader
	Collect(ctx context.Context, limit int64) (*frame.Frame, error)
}

// IncomingOf returns item as an Incoming, if it is a message: a text or binary *frame.Frame
// that is whole, or a *[Message].
func IncomingOf(item any) (in Incoming, ok bool) {
	switch m := item.(type) {
	case *Message:
		return m, m != nil
	case *frame.Frame:
		if m != nil && m.Fin && (m.Opcode == frame.OpText || m.Opcode == frame.OpBinary) {
			return (*whole)(m), true
		}
	}
	return nil, false
}

// whole is a frame as an Incoming.
type whole frame.Frame

func (m *whole) Op() frame.Opcode  { return m.Opcode }
func (m *whole) Reader() io.Reader { return bytes.NewReader(m.Payload) }

func (m *whole) Collect(_ context.Context, limit int64) (*frame.Frame, error) {
	if limit > 0 && int64(len(m.Payload)) > limit {
		return nil, frame.Failure(frame.TooBig, "message over the limit")
	}
	return (*frame.Frame)(m), nil
}
