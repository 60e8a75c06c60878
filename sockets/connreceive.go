package sockets

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/spindrift-go/spindrift/frame"
)

// Receive waits for the next message and returns it whole. The frame is the caller's: it is
// valid for as long as it is kept, or until Release.
//
// With Options.Stream the pieces of a message are joined; then one goroutine at a time may
// receive. A message whose context ended in its middle is what the next call goes on with.
func (c *Conn) Receive(ctx context.Context) (*frame.Frame, error) {
	r, err := c.left(ctx, false)
	if err != nil {
		return nil, err
	}
	if r == nil {
		f, err := c.pop(ctx) // waits few calls deep, see there
		if err != nil || f.Fin {
			return f, err
		}
		r = c.beginReading(f)
	}
	return r.join(ctx)
}

// join waits for the rest of the message and makes one of its pieces.
func (r *messageReader) join(ctx context.Context) (*frame.Frame, error) {
	for {
		if r.piece != nil {
			r.collected = append(r.collected, r.piece.Payload...)
			r.discard()
		}
		if r.fin {
			break
		}
		if err := r.next(ctx); err != nil {
			r.c.suspend(r)
			return nil, err
		}
	}
	r.c.endReading()
	f := frame.Binary(r.collected)
	f.Opcode = r.op
	return f, nil
}

// ReceiveText is Receive for a connection that speaks text: it returns a *[MessageTypeError],
// which has the message, if that is binary.
func (c *Conn) ReceiveText(ctx context.Context) (string, error) {
	return textOf(c.receive(ctx, frame.OpText))
}

// ReceiveBinary is Receive for a connection that speaks binary: it returns a
// *[MessageTypeError], which has the message, if that is text. With Options.SkipOthers it
// waits for the next one, as ReceiveText does then. The bytes are the caller's.
func (c *Conn) ReceiveBinary(ctx context.Context) ([]byte, error) {
	return bytesOf(c.receive(ctx, frame.OpBinary))
}

// textOf is what a message says, which it releases.
func textOf(f *frame.Frame, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer f.Release()
	return f.String(), nil
}

func bytesOf(f *frame.Frame, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return f.Payload, nil
}

// MessageTypeError is a message of another type than was asked for. The connection is as
// usable as before.
type MessageTypeError struct {
	Want    frame.Opcode
	Message *frame.Frame // what came
}

func (e *MessageTypeError) Error() string {
	came := "message of another type"
	if e.Message != nil {
		came = e.Message.Opcode.String() + " message"
	}
	return fmt.Sprintf("sockets: received a %s where %s was expected", came, e.Want)
}

func (c *Conn) receive(ctx context.Context, want frame.Opcode) (*frame.Frame, error) {
	for {
		f, err := c.Receive(ctx)
		switch {
		case err != nil || f.Opcode == want:
			return f, err
		case !c.terms.SkipOthers:
			return nil, &MessageTypeError{want, f}
		}
		f.Release()
	}
}

// Messages iterates over what is received until the connection or ctx ends. An end that
// was asked for, with a Close of code 1000, 1001 or none, ends the loop; any other is its
// last pair, with a nil frame and the error.
func (c *Conn) Messages(ctx context.Context) iter.Seq2[*frame.Frame, error] {
	return func(yield func(*frame.Frame, error) bool) {
		for {
			f, err := c.Receive(ctx)
			if err != nil && ordinary(err) || !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// ordinary reports whether err is an end that somebody asked for.
func ordinary(err error) bool {
	var end *CloseError
	if !errors.As(err, &end) || !end.Clean {
		return false
	}
	return end.Code == frame.Normal || end.Code == frame.GoingAway || end.Code == frame.NoStatus
}
