package sockets

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
)

// Crew runs actors of yours on the dispatcher and mailbox of the connections of
// system: as an option of actor.PropsFromProducer or PropsFromFunc. A frame
// handler that connections share is faster on it; one that they Spawn is on it
// anyway.
func Crew(system *actor.ActorSystem) actor.PropsOption {
	return actors.RuntimeOf(system).Dispatcher().Option()
}
