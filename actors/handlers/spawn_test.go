package handlers

import (
	"log/slog"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/stretchr/testify/require"
)

// What is looked at to find out whether somebody sees actors being spawned is still there.
func TestSpawnFields(t *testing.T) {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	defer system.Shutdown()
	noop := func(next actor.SpawnFunc) actor.SpawnFunc { return next }
	require.False(t, mayBeSet(system.Root, spawnMiddlewareField))
	system.Root.WithSpawnMiddleware(noop)
	require.True(t, mayBeSet(system.Root, spawnMiddlewareField))
	props := actor.PropsFromFunc(func(actor.Context) {})
	require.False(t, mayBeSet(props, spawnerField))
	require.True(t, mayBeSet(props.Configure(actor.WithSpawnFunc(actor.DefaultSpawner)), spawnerField))
	require.True(t, mayBeSet(props, fieldOf[actor.Props]("gone")))
}

func BenchmarkSpawn(b *testing.B) {
	system := harness.System()
	h := New(system, dispatch.New())
	connection := system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
	defer system.Root.Stop(connection)
	props := actor.PropsFromFunc(func(actor.Context) {})
	b.ReportAllocs()
	for b.Loop() {
		system.Root.StopFuture(h.Spawn(connection, props)).Wait()
	}
}
