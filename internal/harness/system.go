package harness

import (
	"log/slog"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/internal/registry"
)

// System is every test's: making one takes longer than most tests do. It logs nothing, and has
// one bucket of processes: a census of 1,024 takes 11 ms under the race detector, and a test
// takes two.
var System = sync.OnceValue(func() *actor.ActorSystem {
	system := actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }),
		actor.WithDeadLetterThrottleInterval(time.Millisecond), // a goroutine that long
	)
	registry.Shrink(system, 1)
	return system
})
