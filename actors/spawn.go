package actors

import (
	"fmt"
	"reflect"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/internal/pool"
)

// Spawn starts a connection actor that becomes a client by a Connect.
func (rt *Runtime) Spawn() *actor.PID {
	return rt.spawn(rt.newConn(), rt.system.ProcessRegistry.NextId())
}

// newConn returns a connection that is to become something.
func (rt *Runtime) newConn() *conn {
	c := &conn{rt: rt}
	c.side = gone{c}
	c.mailbox.Init(rt.dispatcher)
	return c
}

// pooledProps start one conn at a time: proto.actor asks props for an actor and, apart
// from that, for its mailbox, and both are one conn. It does not ask again, for no
// connection is restarted.
type pooledProps struct {
	props *actor.Props
	conn  *conn
}

var propsPool = pool.New("props", func() any {
	b := new(pooledProps)
	b.props = actor.PropsFromProducer(
		func() actor.Actor { return b.conn },
		actor.WithMailbox(func() actor.Mailbox { return &b.conn.mailbox }))
	return b
})

// spawn starts the actor that c is, by our own root context: middleware of the program's
// is for its own actors, and what it does to props stays in them.
func (rt *Runtime) spawn(c *conn, id string) *actor.PID {
	b := propsPool.Get().(*pooledProps)
	b.conn = c
	pid, err := rt.root.SpawnNamed(b.props, id)
	b.conn = nil
	propsPool.Put(b)
	if err != nil {
		panic(fmt.Sprintf("connection cannot be spawned: %v", err))
	}
	return pid
}

// adapted remembers the last props that were adapted: a program has few of them
// or makes them anew for each connection.
type adapted struct{ from, to *actor.Props }

// spawnHandler starts the handler of one connection, on the dispatcher. It is the
// program's actor, so the spawn middleware of system.Root sees it. Who may change props
// gets some of its own.
func (rt *Runtime) spawnHandler(conn *actor.PID, props *actor.Props) *actor.PID {
	name := conn.Id + handlerName
	var pid *actor.PID
	var err error
	switch g := rt.guardian; {
	case mayBeSet(props, spawnerField):
		pid, err = g.root.SpawnNamed(rt.adapt(props), name)
	case mayBeSet(rt.system.Root, spawnMiddlewareField):
		// The root context would be the parent, whatever it is told.
		pid, err = rt.system.Root.SpawnNamed(rt.adapt(props, actor.WithSpawnFunc(
			func(system *actor.ActorSystem, _ string, props *actor.Props, _ actor.SpawnerContext) (*actor.PID, error) {
				return actor.DefaultSpawner(system, name, props, g.root)
			})), name)
	default:
		last := rt.adapted.Load()
		if last == nil || last.from != props {
			last = &adapted{props, rt.adapt(props)}
			rt.adapted.Store(last)
		}
		pid, err = g.root.SpawnNamed(last.to, name)
	}
	if err != nil || pid == nil { // middleware's: a connection becomes a stream once
		panic(fmt.Sprintf("handler cannot be spawned: %v", err))
	}
	return pid
}

// adapt returns a copy of props for an actor on the dispatcher that the guardian supervises.
func (rt *Runtime) adapt(props *actor.Props, more ...actor.PropsOption) *actor.Props {
	return props.Clone(append(more, rt.dispatcher.Option(), actor.WithGuardian(nil))...)
}

// What proto.actor does not tell: whether somebody looks on while actors are spawned.
var (
	spawnMiddlewareField = fieldOf[actor.RootContext]("spawnMiddleware")
	spawnerField         = fieldOf[actor.Props]("spawner")
)

// fieldOf finds a field of T; nil: this version of T has none of that name.
func fieldOf[T any](name string) []int {
	f, _ := reflect.TypeFor[T]().FieldByName(name)
	return f.Index
}

// mayBeSet reports whether the function in a field of what x points to is set. If there is no
// such field it may be.
func mayBeSet(x any, field []int) bool {
	if len(field) != 1 {
		return true
	}
	f := reflect.ValueOf(x).Elem().Field(field[0])
	return f.Kind() != reflect.Func || !f.IsNil()
}
