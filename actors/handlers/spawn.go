package handlers

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
)

// suffix is what a spawned handler is called below its connection.
const suffix = "/handler"

// ConnectionOf returns the id of the connection that the handler with an id was spawned for, and whether it was spawned for one: else
// it returns the handler's id.
func ConnectionOf(handler string) (connection string, spawned bool) {
	return strings.CutSuffix(handler, suffix)
}

// adapted remembers the last props that were adapted: a program has few of them, or makes them anew for each connection.
type adapted struct{ from, to *actor.Props }

// Spawn starts the handler of one connection, on the dispatcher. It is an actor of the program's, so the spawn middleware of system.Root
// sees it: where there is any it is given a copy of props of its own.
func (h *Handlers) Spawn(connection *actor.PID, props *actor.Props) *actor.PID {
	name := connection.Id + suffix
	var pid *actor.PID
	var err error
	switch root := h.guardian.root; {
	case mayBeSet(props, spawnerField):
		pid, err = root.SpawnNamed(h.adapt(props), name)
	case mayBeSet(h.system.Root, spawnMiddlewareField):
		// The root context would be the parent, whatever it is told.
		pid, err = h.system.Root.SpawnNamed(h.adapt(props, actor.WithSpawnFunc(
			func(system *actor.ActorSystem, _ string, props *actor.Props, _ actor.SpawnerContext) (*actor.PID, error) {
				return actor.DefaultSpawner(system, name, props, root)
			})), name)
	default:
		last := h.adapted.Load()
		if last == nil || last.from != props {
			last = &adapted{props, h.adapt(props)}
			h.adapted.Store(last)
		}
		pid, err = root.SpawnNamed(last.to, name)
	}
	if err != nil || pid == nil { // middleware's: a connection spawns one handler only
		panic(fmt.Sprintf("handler cannot be spawned: %v", err))
	}
	return pid
}

// adapt returns a copy of props for an actor on the dispatcher that the guardian supervises.
func (h *Handlers) adapt(props *actor.Props, more ...actor.PropsOption) *actor.Props {
	return props.Clone(append(more, h.dispatcher.Option(), actor.WithGuardian(nil))...)
}

// proto.actor does not tell whether somebody looks on while actors are spawned. These fields do.
var (
	spawnMiddlewareField = fieldOf[actor.RootContext]("spawnMiddleware")
	spawnerField         = fieldOf[actor.Props]("spawner")
)

// fieldOf finds a field of T; nil: this version of T has none of that name.
func fieldOf[T any](name string) []int {
	f, _ := reflect.TypeFor[T]().FieldByName(name)
	return f.Index
}

// mayBeSet reports whether a function is set in a field of what x points to. If there is no such field, one may be.
func mayBeSet(x any, field []int) bool {
	if len(field) != 1 {
		return true
	}
	f := reflect.ValueOf(x).Elem().Field(field[0])
	return f.Kind() != reflect.Func || !f.IsNil()
}
