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
// output waits there, and less than half of MaxOut. So its caller, any goroutine but not an actor in
// its turn, cannot make the peer a slow consumer. conn is the connection's actor, of system; nil: DefaultSystem; that of
// a [ReconnectActor] is none. It returns when the connection has taken f, which nobody may change
// any more. An error says that it has not: net.ErrClosed after the connection's end, ctx's, or that conn
// is no connection.
func Send(ctx context.Context, system *actor.ActorSystem, conn *actor.PID, f *frame.Frame) error {
	switch {
	case f == nil:
		return ErrNilFrame
	case ctx == nil:
		return ErrNilContext
	case conn == nil:
		return errNilConn
	}
	return connActor{orDefaultSystem(system), conn}.offer(ctx, actors.NewOffer(f, actors.Whole))
}

var errNilConn = errors.New("sockets: nil connection")

// connActor is the actor of a connection, as an offeree.
type connActor struct {
	system *actor.ActorSystem
	pid    *actor.PID
}

func (c connActor) offer(ctx context.Context, o *actors.Offer) error {
	if _, err := actors.RuntimeOf(c.system).Find(c.pid); err != nil { // nobody else would answer
		return fmt.Errorf("sockets: send: %w", err)
	}
	process, ok := c.system.ProcessRegistry.Get(c.pid)
	if !ok {
		return fmt.Errorf("sockets: send: %w", net.ErrClosed)
	}
	process.SendUserMessage(c.pid, o)
	if _, ok := c.system.ProcessRegistry.Get(c.pid); !ok { // its last turn may have been before
		o.Withdraw()
	}
	if err := o.Wait(ctx); err != nil {
		return fmt.Errorf("sockets: send: %w", err)
	}
	return nil
}

func (c connActor) fail(e *frame.Error) { c.system.Root.Send(c.pid, e) }
func (c connActor) written()            {}

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
		return nil, errNilConn
	}
	if err := messageType(op); err != nil {
		return nil, err
	}
	return &messageWriter{to: connActor{orDefaultSystem(system), conn}, ctx: ctx, op: op}, nil
}
