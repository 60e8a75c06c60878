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

// DrainOptions say how connections are asked to leave.
type DrainOptions struct {
	Code   frame.Code    // of the Close, see its Sendable; 0: 1001
	Reason string        // of the Close
	Batch  int           // connections asked at a time: 10,000
	Every  time.Duration // between batches: 2 s
}

// Drain is the account of a shutdown.
type Drain struct {
	Asked int // upgraded connections that there were
	Cut   int // of those, had not ended when the context did
}

// Shutdown is http.Server's and closes upgraded connections with 1001 as well,
// in batches. Those that have not ended when ctx has are cut, each with its
// Closed; then the error is ctx's.
func (s *Server) Shutdown(ctx context.Context) error {
	_, err := s.ShutdownCount(ctx)
	return err
}

// ShutdownCount is Shutdown that tells how many connections there were.
func (s *Server) ShutdownCount(ctx context.Context) (Drain, error) {
	s.setup()
	stopped := make(chan error, 1)
	go func() { stopped <- s.Server.Shutdown(ctx) }()
	d, err := drain(ctx, s.System, &s.room.group, s.Drain)
	stop := <-stopped
	late, lateErr := drain(ctx, s.System, &s.room.group, s.Drain) // requests under way may have brought some
	return Drain{d.Asked + late.Asked, d.Cut + late.Cut}, errors.Join(stop, err, lateErr)
}

// Close is http.Server's and cuts upgraded connections as well.
func (s *Server) Close() error {
	s.setup()
	err := s.Server.Close()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	drain(now, s.System, &s.room.group, s.Drain)
	return err
}

// Connections is the number of upgraded connections.
func (s *Server) Connections() int { return s.room.group.Len() }

func drain(ctx context.Context, system *actor.ActorSystem, g *actors.Group, o DrainOptions) (Drain, error) {
	leave := &pipeline.Leave{Code: o.Code, Reason: o.Reason}
	asked, cut := actors.RuntimeOf(system).Drain(ctx, g, leave, cmp.Or(o.Batch, 10_000), cmp.Or(o.Every, 2*time.Second))
	if cut > 0 {
		return Drain{asked, cut}, fmt.Errorf("sockets: shutdown: %d connections cut: %w", cut, ctx.Err())
	}
	return Drain{asked, cut}, nil
}
