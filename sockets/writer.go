package sockets

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
)

// fragmentSize is how much of a message a Writer sends at a time.
const fragmentSize = 16 << 10

// offeree is who takes the fragments of a Writer: a Conn, or a connection's actor.
type offeree interface {
	offer(context.Context, *actors.Offer) error // waits until the connection has taken it
	fail(*frame.Error)                          // ends the connection
	written()                                   // the Writer is closed
}

// messageType says what is wrong with the type of a message.
func messageType(op frame.Opcode) error {
	if op != frame.OpText && op != frame.OpBinary {
		return fmt.Errorf("sockets: a message is text or binary, not %s", op)
	}
	return nil
}

// messageWriter writes one message. Goroutines that use it take turns.
type messageWriter struct {
	mu    sync.Mutex
	to    offeree
	ctx   context.Context
	op    frame.Opcode // of the next fragment
	piece *frame.Frame // what was written and not sent; nil: nothing
	err   error        // after which nothing is sent
}

func (w *messageWriter) Write(p []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(p) > 0 && w.err == nil {
		if w.piece == nil {
			w.piece = frame.New(w.op, fragmentSize)
		}
		k := min(len(p), fragmentSize-len(w.piece.Payload))
		w.piece.Payload = append(w.piece.Payload, p[:k]...)
		p = p[k:]
		n += k
		if len(w.piece.Payload) == fragmentSize {
			w.err = w.send(false)
		}
	}
	return n, w.err
}

// send sends the fragment that was written. It is an Offer: others may wait for the end of
// the message, which take no space from it.
func (w *messageWriter) send(fin bool) error {
	f, at := w.piece, actors.Continues
	if f == nil {
		f = frame.New(w.op, 0)
	}
	if f.Fin = fin; w.op != frame.OpContinuation {
		if at = actors.Begins; fin {
			at = actors.Whole
		}
	}
	if err := w.to.offer(w.ctx, actors.NewOffer(f.Handover(), at)); err != nil {
		return err
	}
	w.piece, w.op = nil, frame.OpContinuation
	return nil
}

var errWriterClosed = errors.New("sockets: Writer is closed")

// Close ends the message. One that could not be sent whole, because ctx ended, ends the
// connection: its peer could not tell it from a complete one.
func (w *messageWriter) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == errWriterClosed {
		return nil
	}
	err := w.err
	if err == nil {
		err = w.send(true)
	}
	if err != nil && w.op == frame.OpContinuation {
		w.to.fail(frame.Failure(frame.InternalError, "message was not finished"))
	}
	w.err = errWriterClosed
	w.to.written()
	return err
}
