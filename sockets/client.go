package sockets

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
)

// UpgradeClient opens a WebSocket: given to DialActor, or sent to a connection that
// Connect made. It is not changed and may serve any number of connections.
type UpgradeClient struct {
	FrameHandler *actor.PID       // gets the connection's messages; or
	Spawn        *actor.Props     // the handler to start for this connection, which ends with it; its mailbox is replaced by the crew's
	Stages       []pipeline.Stage // extra ones, from handler to wire, below AutoPong and AutoPing
	Header       http.Header      // added to the request: Origin, Cookie, Authorization
	Path         string           // path and query of the request; "": those of the URL dialled
	Options      *Options         // nil: the defaults

	Dialer Dialer // how DialActor connects
}

// DialActor opens a WebSocket to a ws or wss URL and returns the connection's actor.
// ctx bounds the wait and not the connection. The error is one line and wraps a
// *HandshakeError if the server has answered otherwise.
func DialActor(ctx context.Context, system *actor.ActorSystem, address string, u *UpgradeClient) (*actor.PID, error) {
	pid, err := dial(ctx, system, address, u)
	if err != nil {
		return nil, fmt.Errorf("sockets: dial %s: %w", redacted(address), err)
	}
	return pid, nil
}

func dial(ctx context.Context, system *actor.ActorSystem, address string, u *UpgradeClient) (*actor.PID, error) {
	if u.FrameHandler == nil && u.Spawn == nil {
		return nil, errors.New("UpgradeClient has neither FrameHandler nor Spawn")
	}
	limit := or(u.Dialer.Timeout, 10*time.Second)
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	pid, err := connect(ctx, system, address, &u.Dialer)
	if err != nil {
		return nil, err
	}
	answer, future := make(chan any, 1), system.Root.RequestFuture(pid, u, -1)
	go func() {
		result, err := future.Result()
		if err != nil {
			result = err
		}
		answer <- result
	}()
	select {
	case result := <-answer:
		if err, failed := result.(error); failed {
			return nil, err
		}
		return pid, nil
	case <-ctx.Done():
		system.Root.Poison(pid) // not Stop, which would overtake u and leave the future without an answer
		return nil, ctx.Err()
	}
}
