package sockets

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
)

// Dispatcher runs actors of yours on the dispatcher and the mailbox of system's connections (nil: DefaultSystem's). It is an option of
// actor.PropsFromProducer and PropsFromFunc. A frame handler that connections share is faster on it; one that they Spawn is on it
// anyway.
func Dispatcher(system *actor.ActorSystem) actor.PropsOption {
	return actors.RuntimeOf(orDefaultSystem(system)).Dispatcher().Option()
}
