package sockets

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
)

// Connect opens an HTTP connection to an http, https, ws or wss URL and returns
// its actor. It answers each *http.Request sent to it with an *http.Response,
// whose body is in memory, or an error; an *UpgradeClient turns it into a
// WebSocket. Stop it to close it.
func Connect(ctx context.Context, system *actor.ActorSystem, address string, d *Dialer) (*actor.PID, error) {
	if d == nil {
		d = new(Dialer)
	}
	pid, err := connect(ctx, system, address, d)
	if err != nil {
		return nil, fmt.Errorf("sockets: connect %s: %w", redacted(address), err)
	}
	return pid, nil
}

// maxBody is the most that is kept of a response's body.
const maxBody = 1 << 20

func connect(ctx context.Context, system *actor.ActorSystem, address string, d *Dialer) (*actor.PID, error) {
	base, err := parse(address)
	if err != nil {
		return nil, err
	}
	nc, err := d.dial(ctx, base)
	if err != nil {
		return nil, err
	}
	rt := actors.RuntimeOf(system)
	pid := rt.Spawn()
	system.Root.Send(pid, &actors.Connect{
		Conn:    nc,
		Base:    base,
		Timeout: or(d.Timeout, 10*time.Second),
		MaxBody: maxBody,
	})
	return pid, nil
}
