package sockets

import (
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Spawn middleware of the program's sees the handlers that connections spawn, each once,
// and none of the connections. What it does to the props of one does not reach the next.
func TestSpawnMiddleware(t *testing.T) {
	const conns = 20
	w := newWorld(t, bare)
	w.system = NewSystem()
	t.Cleanup(w.system.Shutdown)
	warm(w.system)
	w.before = w.count()
	var spawns, messages atomic.Int32
	var parents []string
	w.system.Root.WithSpawnMiddleware(func(next actor.SpawnFunc) actor.SpawnFunc {
		return func(system *actor.ActorSystem, id string, props *actor.Props, parent actor.SpawnerContext) (*actor.PID, error) {
			spawns.Add(1)
			return next(system, id, props.Configure(actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
				return func(c actor.ReceiverContext, env *actor.MessageEnvelope) {
					if _, ok := env.Message.(*frame.Frame); ok {
						messages.Add(1)
					}
					next(c, env)
				}
			})), parent)
		}
	})
	h := w.spawned(func(ctx actor.Context) {
		f, ok := ctx.Message().(*frame.Frame)
		if !ok {
			return
		}
		if f.String() == "panic" {
			panic("oops")
		}
		parents = append(parents, ctx.Parent().GetId())
		ctx.Respond(f)
	})
	h.mortal = true
	addr := w.websocket(&UpgradeServer{Spawn: h.props})
	for range conns {
		p := w.upgrade(addr)
		p.send(masked(frame.Text("hello")))
		p.bytes(plain(frame.Text("hello")))
		p.send(masked(frame.Text("panic")))
		p.closes(frame.InternalError) // it is supervised as any spawned handler is
		p.Close()
	}
	assert.EqualValues(t, conns, spawns.Load(), "one handler each")
	assert.EqualValues(t, 2*conns, messages.Load(), "each message once")
	for _, parent := range parents {
		assert.NotEmpty(t, parent)
	}
}

// Props that spawn in a way of their own are given a copy each, and keep it.
func TestSpawnFuncOfAHandler(t *testing.T) {
	w := newWorld(t, bare)
	var messages atomic.Int32
	h := w.spawned(echo)
	props := h.props.Clone(actor.WithSpawnFunc(func(system *actor.ActorSystem, id string, props *actor.Props, parent actor.SpawnerContext) (*actor.PID, error) {
		return actor.DefaultSpawner(system, id, props.Configure(actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(c actor.ReceiverContext, env *actor.MessageEnvelope) {
				if _, ok := env.Message.(*frame.Frame); ok {
					messages.Add(1)
				}
				next(c, env)
			}
		})), parent)
	}))
	addr := w.websocket(&UpgradeServer{Spawn: props})
	for range 10 {
		p := w.upgrade(addr)
		p.send(masked(frame.Text("hello")))
		p.bytes(plain(frame.Text("hello")))
		p.send(masked(frame.Close(frame.Normal, "")))
		p.closes(frame.Normal)
		p.Close()
		h.untilClosed()
	}
	require.EqualValues(t, 10, messages.Load())
}

// Middleware that refuses to spawn a handler costs its connection, and the program is told.
func TestSpawnMiddlewareThatRefuses(t *testing.T) {
	w := newWorld(t, bare)
	w.system = NewSystem()
	t.Cleanup(w.system.Shutdown)
	warm(w.system)
	w.before = w.count()
	h := w.spawned()
	addr := w.websocket(&UpgradeServer{Spawn: h.props})
	w.system.Root.WithSpawnMiddleware(func(actor.SpawnFunc) actor.SpawnFunc {
		return func(*actor.ActorSystem, string, *actor.Props, actor.SpawnerContext) (*actor.PID, error) {
			return nil, assert.AnError
		}
	})
	p := w.dial(addr)
	p.send(handshake(addr))
	require.Equal(t, 500, p.answer("GET").StatusCode)
	p.Close()
}
