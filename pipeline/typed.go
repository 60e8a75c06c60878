package pipeline

import (
	"errors"

	"github.com/spindrift-go/spindrift/frame"
)

// Typed is a stage that hands over values in place of messages, and sends values as
// messages: the handler sees no data frames, and need not make any. What it does send as a
// frame passes; so do control frames, commands to the connection and what a connection
// tells. Everything else that comes down is a value: a stage that takes commands of its own
// from the handler stands above this one, or the Format lets them pass.
//
// A value costs the handler's credit what its message did. Pieces of messages, which
// Options.Stream of package sockets hands over, are joined first, in memory that a Budget
// counts.
type Typed struct {
	Format Format // must be there

	// Report tells the handler of what does not decode or encode, with a *FormatError. Else
	// it ends the connection: with 1007 if it is the peer's, 1011 if it is the handler's. What
	// the Format has said is the Err of the *frame.Error in Closed.
	Report bool
}

// FormatError tells a handler of a message that does not decode, or of a value that does
// not encode. Nothing was sent, and the connection goes on. See Typed.Report.
type FormatError struct {
	Err     error
	Message *frame.Frame // the peer's, which is the receiver's now; nil: it is the other way round
	Value   any          // the handler's
}

func (e *FormatError) Error() string {
	if e.Err == nil {
		return "pipeline: a message does not decode, or a value does not encode"
	}
	return e.Err.Error()
}

func (e *FormatError) Unwrap() error { return e.Err }

// Stage returns Typed as a stage.
func (o Typed) Stage() Stage {
	if o.Format == nil {
		panic("pipeline: Typed has no Format: JSONFormat, BinaryFormat or one of your own")
	}
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, &typed{Typed: &o}) }
}

type typed struct {
	link
	*Typed            // the recipe
	pieces *assembler // nil: messages have come whole so far
}

func (t *typed) onUp(item any) {
	f, ok := item.(*frame.Frame)
	switch {
	case !ok:
		if _, last := item.(*Closed); last {
			t.pieces = nil
		}
		t.up(item)
	case f.Opcode.Control():
		t.up(f)
	case f.Fin && f.Opcode != frame.OpContinuation:
		t.decode(f)
	default:
		t.add(f)
	}
}

// add takes a piece of a message. A stage that has joined a living connection in the middle
// of one passes over the rest of it.
func (t *typed) add(f *frame.Frame) {
	if t.pieces == nil {
		t.pieces = new(assembler)
		t.pieces.join((*decoding)(t), t.below)
	}
	if f.Opcode != frame.OpContinuation || t.pieces.message != nil {
		t.pieces.onUp(f)
	}
	f.Release()
}

// decoding is a typed that takes messages which its pieces have become.
type decoding typed

func (d *decoding) onUp(item any) { (*typed)(d).decode(item.(*frame.Frame)) }

func (t *typed) decode(message *frame.Frame) {
	value, err := t.Format.Decode(message)
	switch {
	case err != nil && t.Report:
		t.up(&FormatError{Err: err, Message: message})
	case err != nil:
		t.down(badMessage(err))
	case value == nil:
		t.up(message)
	default:
		t.up(value)
	}
}

// badMessage says no more to the peer than the Format wants it to: an error of a decoder may
// name types of the program.
func badMessage(err error) *frame.Error {
	var e *frame.Error
	if errors.As(err, &e) {
		return e
	}
	return &frame.Error{Code: frame.InvalidPayload, Reason: "message does not decode", Err: err}
}

func (t *typed) onDown(item any) {
	switch item.(type) {
	case *frame.Frame, *frame.Error, Appender, *After, *Status, *Hold, *Settle, *Throttle, *Kept, *Waker, *Pause, *Resume, *Closes,
		*Leave, *Cut, *Hangup, *Limits, *Overflow:
		t.down(item)
		return
	}
	message, err := t.Format.Encode(item)
	switch {
	case err != nil && t.Report:
		t.up(&FormatError{Err: err, Value: item})
	case err != nil:
		t.down(&frame.Error{Code: frame.InternalError, Reason: "this side sent a value that does not encode", Err: err})
	case message == nil:
		t.down(item)
	default:
		t.down(message)
	}
}
