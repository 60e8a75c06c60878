package actors

import (
	"fmt"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
)

// handlerName is what a spawned handler is called below its connection.
const handlerName = "/handler"

// handlerFailed tells a connection that its handler has stopped, or has panicked.
type handlerFailed struct{ err error }

// guardian stops the handlers that connections spawned when they panic: what
// they were in the middle of with their peer cannot be restarted.
//
// They are children of it and not of the connection because proto.actor stops
// children before they have read what was sent to them, Closed for instance.
type guardian struct{ rt *Runtime }

// HandleFailure makes guardian an actor.SupervisorStrategy.
func (g *guardian) HandleFailure(_ *actor.ActorSystem, s actor.Supervisor, child *actor.PID, _ *actor.RestartStatistics, reason, _ any) {
	s.StopChildren(child)
	conn := g.rt.system.NewLocalPID(strings.TrimSuffix(child.Id, handlerName))
	g.rt.system.Root.Send(conn, &handlerFailed{fmt.Errorf("frame handler panicked: %v", reason)})
}

// adapted remembers the last props that were adapted: a program has few of them
// or makes them anew for each connection.
type adapted struct{ from, to *actor.Props }

// spawnHandler starts the handler of one connection, on the crew.
func (rt *Runtime) spawnHandler(conn *actor.PID, props *actor.Props) *actor.PID {
	last := rt.adapted.Load()
	if last == nil || last.from != props {
		last = &adapted{props, props.Clone(rt.crew.Option(), actor.WithGuardian(rt.guardian))}
		rt.adapted.Store(last)
	}
	pid, err := rt.system.Root.SpawnNamed(last.to, conn.Id+handlerName)
	if err != nil {
		panic(err) // a connection becomes a stream once
	}
	return pid
}
