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
// Of one on another node it says why that cannot be reached, before the upgrade.
func reach(system *actor.ActorSystem, handler *actor.PID, o *recipe, value any) (*actor.PID, error) {
	if err := checkNode(system, handler, o); err != nil || handler == nil || isLocal(system, handler) {
		return handler, err
	}
	return actors.RuntimeOf(system).Nodes().Reach(handler, value)
}

// checkNode says what is wrong with a handler on another node whether or not that can be reached.
func checkNode(system *actor.ActorSystem, handler *actor.PID, o *recipe) error {
	switch {
	case handler == nil || isLocal(system, handler):
		return nil
	case actors.RuntimeOf(system).Nodes() == nil:
		return fmt.Errorf("FrameHandler %s/%s is an actor of another node or another actor system: it must be of the connection's own, at %s, "+
			"or package sockets/remote must be started", handler.Address, handler.Id, system.Address())
	case o.StreamOver > 0:
		return errStreamOver
	}
	return nil
}

// refuseAway makes of reach's error a *Refusal with 503, if the node may be reached later.
func refuseAway(err error) error {
	var away interface{ Temporary() bool }
	if errors.As(err, &away) && away.Temporary() {
		return refuse(http.StatusServiceUnavailable, err.Error(), "Retry-After", "1")
	}
	return err
}
