package actors

import (
	"fmt"

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
	c.behaviour = gone{c}
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
