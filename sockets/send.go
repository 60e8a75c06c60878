package sockets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
)

// Send sends f to a connection and waits for space first: until less than Options.HighWater of
// output waits there. So its caller, any goroutine but not an actor in its turn, cannot make
// the peer a slow consumer. conn is the connection's actor, of system; nil: DefaultSystem. It
// returns when the connection has taken f, which nobody may change any more. An error says
// that it has not: net.ErrClosed after the connection's end, or ctx's.
func Send(ctx context.Context, system *actor.ActorSystem, conn *actor.PID, f *frame.Frame) error {
	switch {
	case f == nil:
		return ErrNilFrame
	case ctx == nil:
		return ErrNilContext
	}
	return offer(ctx, orDefaultSystem(system), conn, actors.NewOffer(f, actors.Whole))
}

func offer(ctx context.Context, system *actor.ActorSystem, conn *actor.PID, o *actors.Offer) error {
	if conn == nil {
		return errors.New("sockets: nil connection")
	}
	process, ok := system.ProcessRegistry.Get(conn)
	if !ok {
		return fmt.Errorf("sockets: send: %w", net.ErrClosed)
	}
	process.SendUserMessage(conn, o)
	if _, ok := system.ProcessRegistry.Get(conn); !ok { // its last turn may have been before
		o.Withdraw()
	}
	if err := o.Wait(ctx); err != nil {
		return fmt.Errorf("sockets: send: %w", err)
	}
	return nil
}

// Writer begins a message of type op, frame.OpText or frame.OpBinary, to the connection's
// actor conn of system (nil: DefaultSystem): its payload is what is written until Close, of
// any length, a fragment in memory at a time. Write and Close wait for space as Send does, as
// long as ctx lasts. Messages of others wait for its end, and a message of another Writer
// begins after it; so one that is left open keeps all others waiting. A message that has begun
// to go out and cannot be finished ends the connection with 1011.
func Writer(ctx context.Context, system *actor.ActorSystem, conn *actor.PID, op frame.Opcode) (io.WriteCloser, error) {
	switch {
	case ctx == nil:
		return nil, ErrNilContext
	case conn == nil:
		return nil, errors.New("sockets: nil connection")
	case op != frame.OpText && op != frame.OpBinary:
		return nil, fmt.Errorf("sockets: a message is text or binary, not %s", op)
	}
	return &actorWriter{ctx: ctx, system: orDefaultSystem(system), conn: conn, op: op}, nil
}

// actorWriter writes one message to a connection's actor.
type actorWriter struct {
	ctx    context.Context
	system *actor.ActorSystem
	conn   *actor.PID
	op     frame.Opcode // of the next fragment
	piece  *frame.Frame // what was written and not sent; nil: nothing
	err    error        // after which nothing is sent
}

func (w *actorWriter) Write(p []byte) (n int, err error) {
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

// send sends the fragment that was written.
func (w *actorWriter) send(fin bool) error {
	f, part := w.piece, actors.Continues
	if f == nil {
		f = frame.New(w.op, 0)
	}
	if f.Fin = fin; w.op != frame.OpContinuation {
		if part = actors.Begins; fin {
			part = actors.Whole
		}
	}
	if err := offer(w.ctx, w.system, w.conn, actors.NewOffer(f.Handover(), part)); err != nil {
		return err
	}
	w.piece, w.op = nil, frame.OpContinuation
	return nil
}

// Close ends the message.
func (w *actorWriter) Close() error {
	if w.err == errWriterClosed {
		return nil
	}
	err := w.err
	if err == nil {
		err = w.send(true)
	}
	if err != nil && w.op == frame.OpContinuation {
		w.system.Root.Send(w.conn, frame.Failure(frame.InternalError, "message was not finished"))
	}
	w.err = errWriterClosed
	return err
}
