package sockets

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"github.com/spindrift-go/spindrift/frame"
)

// Reader waits for the next message and returns its type and a reader of its payload. With
// Options.Stream a piece is held at a time, and the message may be as long as the limits let
// it: MaxMessage, which MaxFrame and MaxFragments follow, and MessageTime to arrive in; a negative
// number lifts each. The reader waits for its pieces as long as ctx lasts. It must be read to its last
// byte, with Options.Stream to io.EOF, before anything else is received, unless a Read has failed
// because ctx has ended: then what receives next passes over the rest of the message.
func (c *Conn) Reader(ctx context.Context) (frame.Opcode, io.Reader, error) {
	r, err := c.reader(ctx, false)
	if err != nil {
		return 0, nil, err
	}
	return r.op, r, nil
}

// reader waits for the next message and begins to read it, for a NetConn or for somebody else.
func (c *Conn) reader(ctx context.Context, netConn bool) (*messageReader, error) {
	if ctx == nil {
		return nil, ErrNilContext
	}
	r, err := c.left(ctx, netConn)
	if err != nil {
		return nil, err
	}
	if r == nil {
		f, err := c.pop(ctx)
		if err != nil {
			return nil, err
		}
		r = c.beginReading(f)
	}
	if len(r.collected) > 0 {
		r.piece = &frame.Frame{Payload: r.collected}
	}
	r.ctx, r.netConn = ctx, netConn
	if r.piece != nil {
		r.rest = r.piece.Payload
	}
	return r, nil
}

// left is a message that somebody has received in part and left to the next, nil if there is none.
// The error is that of a misuse, or ctx's where the rest of a message is to be passed over.
func (c *Conn) left(ctx context.Context, netConn bool) (*messageReader, error) {
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	c.mu.Lock()
	going := c.intake < abandoned
	if going && c.streamed && !netConn && !c.phase.over() {
		c.mu.Unlock()
		return nil, ErrNetConn
	}
	r, reading := c.suspended, c.reading && going
	c.suspended = nil
	c.reading = reading || r != nil
	c.mu.Unlock()
	switch {
	case reading:
		return nil, ErrReaderOpen
	case r == nil || !r.givenUp:
		return r, nil
	}
	r.ctx = ctx
	if err := r.skip(); err != nil {
		c.suspend(r)
		return nil, err
	}
	return nil, nil
}

// beginReading begins to read the message whose first piece is f, which may be all of it.
func (c *Conn) beginReading(f *frame.Frame) *messageReader {
	c.mu.Lock()
	c.reading = true
	c.mu.Unlock()
	return &messageReader{c: c, op: f.Opcode, piece: f, fin: f.Fin}
}

// suspend keeps a message that was received in part for the next call.
func (c *Conn) suspend(r *messageReader) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.suspended, c.reading = r, false
}

// endReading ends the reading of a message in pieces.
func (c *Conn) endReading() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reading = false
}

// messageReader reads the payload of one message.
type messageReader struct {
	mu        sync.Mutex // held by Read: a second one waits
	c         *Conn
	ctx       context.Context
	op        frame.Opcode
	collected []byte       // what was received of it before the reader was there
	piece     *frame.Frame // that is being read; nil: none
	rest      []byte       // of piece
	fin       bool         // piece is the last
	netConn   bool         // it is a NetConn that reads, whose deadlines pass and are moved
	givenUp   bool         // nobody wants the rest
	loose     bool         // others may receive: what is left of the message is here
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

// beginning is what there is of the message, for somebody who keeps it.
func (r *messageReader) beginning() *frame.Frame {
	f := frame.Binary(bytes.Clone(r.rest))
	f.Opcode, f.Fin = r.op, r.fin
	return f
}

// skip reads the message to its end.
func (r *messageReader) skip() error {
	for r.err == nil {
		if err := r.advance(); err != nil {
			return err
		}
	}
	return nil
}

// advance goes on to the next piece, or the end.
func (r *messageReader) advance() error {
	r.discard()
	if r.fin {
		r.end()
		return nil
	}
	err := r.next(r.ctx)
	if errors.As(err, new(*CloseError)) { // which is what the next call returns too
		r.c.endReading()
	}
	return err
}

// giveUp lets others receive if a Read has failed because its context has ended, which it has for good.
func (r *messageReader) giveUp(err error) {
	if r.netConn || errors.As(err, new(*CloseError)) {
		return
	}
	r.err = err
	r.c.suspend(&messageReader{c: r.c, op: r.op, givenUp: true})
}

func (r *messageReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	for len(r.rest) == 0 && r.err == nil {
		if err := r.advance(); err != nil {
			r.giveUp(err)
			return 0, err
		}
	}
	if r.err != nil {
		return 0, r.err
	}
	n := copy(p, r.rest)
	switch r.rest = r.rest[n:]; {
	case !r.fin:
	case len(r.rest) == 0: // a decoder that has its value does not ask for the end
		r.end()
	case !r.loose && len(r.rest) <= maxTail && len(bytes.TrimLeft(r.rest, " \t\r\n")) == 0:
		r.loosen()
	}
	return n, nil
}

// maxTail is how much white space may be behind a value, for which its decoder does not ask either: an encoder's new line.
const maxTail = 8

// loosen lets others receive, and keeps the rest of the message for who asks for it after all.
func (r *messageReader) loosen() {
	rest := bytes.Clone(r.rest)
	r.discard()
	r.rest = rest
	r.c.endReading()
	r.loose = true
}

// end lets others receive: the message has been read.
func (r *messageReader) end() {
	r.discard()
	if r.err = io.EOF; !r.loose {
		r.c.endReading()
	}
}
