package sockets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/spindrift-go/spindrift/frame"
)

// signal wakes one of those who wait for input. The lock must be held.
func (c *Conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// pop takes the oldest piece of input, and waits for one if need be.
func (c *Conn) pop(ctx context.Context) (*frame.Frame, error) {
	if ctx == nil {
		return nil, ErrNilContext
	}
	for late := error(nil); ; {
		c.mu.Lock()
		c.finished()
		if len(c.queue) > 0 {
			r := c.take()
			c.mu.Unlock()
			if r.frame == nil {
				c.handle.WorkedThrough(r.marks)
				<-c.done // in the same turn: Closed tells as well
				return nil, c.closeError()
			}
			return r.frame, nil
		}
		over := c.ended || c.discard
		if over {
			c.signal() // the others
		}
		c.mu.Unlock()
		switch {
		case over:
			<-c.done // Close was called, which waits as well
			return nil, c.closeError()
		case late != nil:
			return nil, late
		}
		late = c.wait(ctx) // a last look follows: ctx may have ended with the connection
	}
}

// wait waits until there may be input. A context that cannot end, or ends with the
// connection, is not looked at: a goroutine that waits for one channel and not for two fits
// into the smallest stack, and needs no context that can be waited for.
func (c *Conn) wait(ctx context.Context) error {
	if ctx == context.Background() || ctx == c.Context() {
		<-c.wake
		return nil
	}
	select {
	case <-c.wake:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// finished: who comes for more has worked through what was received before, and what it
// answers has been sent. The lock must be held.
func (c *Conn) finished() {
	if !c.keeping {
		c.release(len(c.work))
	}
}

// release says that the n oldest pieces in work have been worked through. The lock must be held.
func (c *Conn) release(n int) {
	n = min(n, len(c.work))
	for _, marks := range c.work[:n] {
		c.handle.WorkedThrough(marks)
	}
	c.work = append(c.work[:0], c.work[n:]...)
}

// keep is called by who says with workedThrough, and not by receiving again, what has been.
func (c *Conn) keep(yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finished()
	if c.keeping = yes; !yes {
		c.finished()
	}
}

// received is how many pieces were.
func (c *Conn) received() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken
}

// workedThrough says that the n oldest pieces have been.
func (c *Conn) workedThrough(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.release(n)
}

// take removes the oldest piece of input. The lock must be held.
func (c *Conn) take() received {
	r := c.queue[0]
	c.queue[0] = received{}
	if r.frame != nil {
		c.unread -= len(r.frame.Payload)
		c.work = append(c.work, r.marks)
		c.taken++
	}
	if c.queue = c.queue[1:]; len(c.queue) > 0 || c.ended {
		c.signal() // the next one who waits
	}
	return r
}

// Receive waits for the next message and returns it whole. The frame is the caller's: it is
// valid for as long as it is kept, or until Release.
//
// With Options.Stream the pieces of a message are joined; then one goroutine at a time may
// receive. A message whose context ended in its middle is what the next call goes on with.
func (c *Conn) Receive(ctx context.Context) (*frame.Frame, error) {
	f, r, err := c.message(ctx)
	if f != nil || err != nil {
		return f, err
	}
	for !r.fin {
		if err := r.next(ctx); err != nil {
			c.suspend(r)
			return nil, err
		}
		r.collected = append(r.collected, r.piece.Payload...)
		r.discard()
	}
	c.finish()
	f = frame.Binary(r.collected)
	f.Opcode = r.op
	return f, nil
}

// ReceiveText is Receive for a connection that speaks text: it returns a *[MessageTypeError],
// which has the message, if that is binary.
func (c *Conn) ReceiveText(ctx context.Context) (string, error) {
	f, err := c.receive(ctx, frame.OpText)
	if err != nil {
		return "", err
	}
	defer f.Release()
	return f.String(), nil
}

// ReceiveBinary is Receive for a connection that speaks binary: it returns a
// *[MessageTypeError], which has the message, if that is text. With Options.SkipOthers it
// waits for the next one, as ReceiveText does then. The bytes are the caller's.
func (c *Conn) ReceiveBinary(ctx context.Context) ([]byte, error) {
	f, err := c.receive(ctx, frame.OpBinary)
	if err != nil {
		return nil, err
	}
	return f.Payload, nil
}

// ReceiveJSON receives a message, text or binary, and unmarshals it into v. What does not
// unmarshal is an error of encoding/json's, and costs nothing but that message.
func (c *Conn) ReceiveJSON(ctx context.Context, v any) error {
	f, err := c.Receive(ctx)
	if err != nil {
		return err
	}
	defer f.Release()
	if err := json.Unmarshal(f.Payload, v); err != nil {
		return fmt.Errorf("sockets: receive: %w", err)
	}
	return nil
}

// MessageTypeError is a message of another type than was asked for. The connection is as
// usable as before.
type MessageTypeError struct {
	Want    frame.Opcode
	Message *frame.Frame // what came
}

func (e *MessageTypeError) Error() string {
	return fmt.Sprintf("sockets: received a %s message where %s was expected", e.Message.Opcode, e.Want)
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

// Incoming returns a channel of what is received, for those who select. It is closed when
// the connection has ended, or ctx has, which may cost the message that was on its way; a
// goroutine fills it. A nil ctx is the connection's.
func (c *Conn) Incoming(ctx context.Context) <-chan *frame.Frame {
	if ctx == nil {
		ctx = c.Context()
	}
	in := make(chan *frame.Frame)
	go func() {
		defer close(in)
		for {
			f, err := c.Receive(ctx)
			if err != nil {
				return
			}
			select {
			case in <- f:
			case <-ctx.Done():
				return
			}
		}
	}()
	return in
}

// Reader waits for the next message and returns its type and a reader of its payload: with
// Options.Stream and a MaxMessage to match it may be of any length, for a piece is held at
// a time. The reader waits for its pieces as long as ctx lasts. It must be read to its end
// before anything else is received.
func (c *Conn) Reader(ctx context.Context) (frame.Opcode, io.Reader, error) {
	f, r, err := c.message(ctx)
	if err != nil {
		return 0, nil, err
	}
	if f != nil {
		c.mu.Lock()
		c.reading = true
		c.mu.Unlock()
		r = &messageReader{c: c, op: f.Opcode, piece: f, fin: true}
	} else if len(r.collected) > 0 {
		r.piece = &frame.Frame{Payload: r.collected}
	}
	r.ctx = ctx
	if r.piece != nil {
		r.rest = r.piece.Payload
	}
	return r.op, r, nil
}

// message takes the next message, if it is whole, or begins to read its pieces, of which
// it may have none yet.
func (c *Conn) message(ctx context.Context) (*frame.Frame, *messageReader, error) {
	c.mu.Lock()
	r, reading := c.suspended, c.reading
	c.suspended = nil
	c.reading = reading || r != nil
	c.mu.Unlock()
	switch {
	case reading:
		return nil, nil, ErrReaderOpen
	case r != nil:
		return nil, r, nil
	}
	f, err := c.pop(ctx)
	if err != nil || f.Fin {
		return f, nil, err
	}
	c.mu.Lock()
	c.reading = true
	c.mu.Unlock()
	r = &messageReader{c: c, op: f.Opcode, collected: append([]byte(nil), f.Payload...)}
	f.Release()
	return nil, r, nil
}

// suspend keeps a message that was received in part for the next call.
func (c *Conn) suspend(r *messageReader) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.suspended, c.reading = r, false
}

// finish ends the reading of a message in pieces.
func (c *Conn) finish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = false
}

// messageReader reads the payload of one message.
type messageReader struct {
	c         *Conn
	ctx       context.Context
	op        frame.Opcode
	collected []byte       // what was received of it before the reader was there
	piece     *frame.Frame // that is being read; nil: none
	rest      []byte       // of piece
	fin       bool         // piece is the last
	err       error
}

// next waits for the next piece.
func (r *messageReader) next(ctx context.Context) error {
	f, err := r.c.pop(ctx)
	if err != nil {
		return err
	}
	r.piece, r.rest, r.fin = f, f.Payload, f.Fin
	return nil
}

// discard gives the piece back.
func (r *messageReader) discard() {
	if r.piece != nil {
		r.piece.Release()
		r.piece, r.rest = nil, nil
	}
}

func (r *messageReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		r.discard()
		if r.fin {
			r.c.finish()
			r.err = io.EOF
		} else if err := r.next(r.ctx); err != nil {
			return 0, err
		}
	}
	if r.err != nil {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}
