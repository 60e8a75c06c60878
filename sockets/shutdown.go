package sockets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// DrainOptions say how a Shutdown asks connections to leave.
type DrainOptions struct {
	Code   frame.Code    // of the Close, see its Sendable; 0: 1001
	Reason string        // of the Close
	Batch  int           // connections asked at a time: 10,000
	Every  time.Duration // between batches: 2 s
}

// DrainResult is the result of a Shutdown.
type DrainResult struct {
	Asked int // upgraded connections that there were
	Cut   int // of those, did not close in the time for that, or before the context ended
	Stuck int // of those that were cut, did not end even so, or were about to be upgraded: see Shutdown
}

// Shutdown is http.Server's and closes upgraded connections with 1001 as well,
// in batches. It returns when all have ended and their handlers have worked through
// Closed; of a [Session] or [Callbacks], when the function has returned. Those that have
// not ended when ctx has are cut, each with its Closed; then the error is ctx's.
//
// Serve and ListenAndServe return as soon as it is called, as http.Server's do: a main that ends
// with them cuts off those whom Shutdown still waits for.
//
// A connection whose turn is blocked by code of the program (a stage, the full mailbox
// of its handler, the Hijack of a connection of another kind) cannot end by itself. Its
// socket is closed, the error counts it, and Shutdown returns; its Closed comes when the
// turn goes on.
func (s *Server) Shutdown(ctx context.Context) error {
	_, err := s.ShutdownResult(ctx)
	return err
}

// ShutdownResult is Shutdown that tells how many connections there were.
func (s *Server) ShutdownResult(ctx context.Context) (DrainResult, error) {
	if ctx == nil {
		return DrainResult{}, ErrNilContext
	}
	s.setup()
	s.stopped.Store(true)
	stopped := make(chan error, 1)
	go func() { stopped <- s.Server.Shutdown(ctx) }()
	d, err := s.drain(ctx)
	stop := <-stopped
	if d.Stuck > 0 { // nobody else joins
		return d, errors.Join(stop, err)
	}
	late, lateErr := s.drain(ctx) // requests under way may have brought some
	return DrainResult{d.Asked + late.Asked, d.Cut + late.Cut, late.Stuck}, errors.Join(stop, err, lateErr)
}

// Close is http.Server's and cuts upgraded connections as well. It does not wait for
// one whose turn is blocked by code of the program, as Shutdown does not.
func (s *Server) Close() error {
	s.setup()
	s.stopped.Store(true)
	err := s.Server.Close()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	s.drain(now)
	return err
}

func (s *Server) drain(ctx context.Context) (DrainResult, error) {
	d, err := drain(ctx, s.System, &s.upgraded.group, s.Drain)
	if d.Stuck > 0 {
		s.Server.Close() // an upgrade that blocks in Hijack has a socket that only net/http knows
	}
	return d, err
}

// Connections is the number of upgraded connections.
func (s *Server) Connections() int { return s.upgraded.group.Len() }

// Shutdown closes the handler's connections as Server.Shutdown does a server's.
// Connections that came in by a Server are that server's.
func (h *Handler) Shutdown(ctx context.Context) error {
	_, err := h.ShutdownResult(ctx)
	return err
}

// ShutdownResult is Shutdown that tells how many connections there were.
func (h *Handler) ShutdownResult(ctx context.Context) (DrainResult, error) {
	return drain(ctx, orDefaultSystem(h.System), &h.upgraded.group, h.Drain)
}

// Shutdown is Handler.Shutdown: of an http.Server, which knows nothing of WebSockets, it is called beside that server's own.
// A SessionHandler that was made for one request knows that one's connection only.
func (h *SessionHandler) Shutdown(ctx context.Context) error {
	_, err := h.ShutdownResult(ctx)
	return err
}

// ShutdownResult is Shutdown that tells how many connections there were.
func (h *SessionHandler) ShutdownResult(ctx context.Context) (DrainResult, error) {
	return drain(ctx, DefaultSystem(), &h.upgraded.group, h.Drain)
}

// Shutdown is SessionHandler.Shutdown, for connections that ServeHTTP has accepted.
func (b *Callbacks) Shutdown(ctx context.Context) error {
	_, err := b.ShutdownResult(ctx)
	return err
}

// ShutdownResult is Shutdown that tells how many connections there were.
func (b *Callbacks) ShutdownResult(ctx context.Context) (DrainResult, error) {
	return drain(ctx, DefaultSystem(), &b.upgraded.group, b.Drain)
}

func drain(ctx context.Context, system *actor.ActorSystem, g *actors.Group, o DrainOptions) (DrainResult, error) {
	if ctx == nil {
		return DrainResult{}, ErrNilContext
	}
	leave := &pipeline.Leave{Code: o.Code, Reason: o.Reason}
	d := DrainResult(actors.RuntimeOf(system).Drain(ctx, g, leave, cmp.Or(o.Batch, 10_000), cmp.Or(o.Every, 2*time.Second)))
	why := ctx.Err()
	switch {
	case why == nil: // who was cut had all of its own time
	case d.Stuck > 0:
		return d, fmt.Errorf("sockets: shutdown: %d connections cut, of which %d have not ended: "+
			"a stage, a handler's full mailbox or a Hijack blocks their turns: %w", d.Cut, d.Stuck, why)
	case d.Cut > 0:
		return d, fmt.Errorf("sockets: shutdown: %d connections cut: %w", d.Cut, why)
	}
	return d, nil
}
