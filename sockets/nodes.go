package sockets

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
)

// errStreamOver is what is wrong with a handler on another node to which messages would stream.
var errStreamOver = errors.New("FrameHandler is on another node, and Options.StreamOver is set: what streams cannot cross. Leave it 0")

// reach returns the PID by which a connection reaches handler: handler itself, if it is local.
// Of one on another node it says why that cannot be reached, before the upgrade: a *Refusal
// with 503 if it may be later.
func reach(system *actor.ActorSystem, handler *actor.PID, o *recipe, value any) (*actor.PID, error) {
	if handler == nil || isLocal(system, handler) {
		return handler, nil
	}
	nodes := actors.RuntimeOf(system).Nodes()
	if nodes == nil {
		return nil, fmt.Errorf("FrameHandler %s/%s is an actor of another node or another actor system: it must be of the connection's own, at %s, "+
			"or package sockets/remote must be started", handler.Address, handler.Id, system.Address())
	}
	if o.StreamOver > 0 {
		return nil, errStreamOver
	}
	pid, err := nodes.Reach(handler, value)
	var away interface{ Temporary() bool }
	if errors.As(err, &away) && away.Temporary() {
		return nil, refuse(http.StatusServiceUnavailable, err.Error(), "Retry-After", "1")
	}
	return pid, err
}
