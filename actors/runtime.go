package actors

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/extensions"
)

// Runtime is what the connections of one actor system share: the crew that runs
// their turns, the poller that wakes them, the wheel of their timers. It has no
// goroutine while there is no connection.
type Runtime struct {
	system *actor.ActorSystem
	crew   *Crew
	wheel  *wheel

	sentinel sentinel
	loose    Group // connections that belong to no server
	guardian func() *guardian
	adapted  atomic.Pointer[adapted]

	mu     sync.Mutex
	poller *poller
	users  int // of the poller
}

var (
	runtimeID   = extensions.NextExtensionID()
	registering sync.Mutex // Extensions has no lock of its own
)

// ExtensionID makes Runtime an extension of its actor system.
func (rt *Runtime) ExtensionID() extensions.ExtensionID { return runtimeID }

// RuntimeOf returns the runtime of system, made at the first call.
func RuntimeOf(system *actor.ActorSystem) *Runtime {
	registering.Lock()
	defer registering.Unlock()
	if rt, ok := system.Extensions.Get(runtimeID).(*Runtime); ok {
		return rt
	}
	rt := newRuntime(system)
	system.Extensions.Register(rt)
	return rt
}

func newRuntime(system *actor.ActorSystem) *Runtime {
	rt := &Runtime{system: system, crew: NewCrew(), wheel: newWheel()}
	rt.sentinel.system, rt.sentinel.stopped = system, system.IsStopped
	system.EventStream.Subscribe(closeUndelivered)
	rt.guardian = sync.OnceValue(func() *guardian { return newGuardian(rt) })
	return rt
}

// Crew returns the dispatcher of the connections, for actors of the user's own.
func (rt *Runtime) Crew() *Crew { return rt.crew }

// hold returns the poller, started if it was not, until as many calls of release.
func (rt *Runtime) hold() (*poller, error) {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.poller == nil {
		p, err := newPoller(rt.crew)
		if err != nil {
			return nil, err
		}
		rt.poller = p
	}
	rt.users++
	return rt.poller, nil
}

func (rt *Runtime) release() {
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.users--; rt.users == 0 {
		rt.poller.stop()
		rt.poller = nil
	}
}

// Hold keeps the poller running between connections until the returned function
// is called: a server's concern.
func (rt *Runtime) Hold() (release func()) {
	if _, err := rt.hold(); err != nil {
		return func() {} // connections fall back to the portable wire
	}
	return sync.OnceFunc(rt.release)
}

// now is a cheap clock: one reading, eight bytes.
func (rt *Runtime) now() time.Duration { return rt.wheel.now() }
