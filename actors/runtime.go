package actors

import (
	"net/http"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/extensions"
	"github.com/spindrift-go/spindrift/actors/answering"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/handlers"
	"github.com/spindrift-go/spindrift/actors/transport"
)

// Runtime is what the connections of one actor system share: the dispatcher that
// runs their turns, the poller that wakes them, the deadlines of their timers. It has no
// goroutine while there is no connection.
type Runtime struct {
	system     *actor.ActorSystem
	root       *actor.RootContext // ours, without the program's middleware
	dispatcher *dispatch.Dispatcher
	poller     *transport.Poller
	deadlines  *dispatch.Deadlines

	shutdown     shutdownMonitor
	panics       panicWatcher
	listeners    *listeners
	defaultGroup Group // connections that belong to no server
	handlers     *handlers.Handlers
	nodes        Nodes // nil: there are no others
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
	d := dispatch.New()
	rt := &Runtime{system: system, dispatcher: d, poller: transport.NewPoller(d), deadlines: dispatch.NewDeadlines()}
	rt.root = actor.NewRootContext(system, nil)
	rt.shutdown.root, rt.shutdown.stopped, rt.shutdown.keep = rt.root, system.IsStopped, d.Keep
	rt.panics.rt = rt
	rt.dispatcher.OnPanic = rt.panics.onDispatcher
	system.EventStream.Subscribe(rt.published)
	rt.handlers, rt.listeners = handlers.New(system, d), newListeners(rt)
	return rt
}

// Dispatcher returns the dispatcher of the connections, for actors of the user's own.
func (rt *Runtime) Dispatcher() *dispatch.Dispatcher { return rt.dispatcher }

// Keep makes the poller and the dispatcher's idle workers stay between connections, until the
// returned function is called: a server's concern.
func (rt *Runtime) Keep() (release func()) {
	poller, dispatcher := rt.poller.Keep(), rt.dispatcher.Keep()
	return func() {
		poller()
		dispatcher()
	}
}

// now is a cheap clock: one reading, eight bytes.
func (rt *Runtime) now() time.Duration { return rt.deadlines.Now() }

// isOver reports whether pid is of this system and no actor any more.
func (rt *Runtime) isOver(pid *actor.PID) bool {
	_, alive := rt.system.ProcessRegistry.GetLocal(pid.Id)
	return !alive && pid.Address == rt.system.Address()
}

// published is told all events of the actor system.
func (rt *Runtime) published(event any) {
	switch e := event.(type) {
	case *actor.SupervisorEvent:
		rt.panics.onSupervisor(e)
		if rt.isOver(e.Child) { // it panicked at Stopped: proto.actor tells nobody who watches
			rt.handlers.Ended(e.Child, e.Reason)
			rt.listeners.ended(e.Child)
		} else {
			rt.handlers.Panicked(e)
		}
	case *actor.DeadLetterEvent:
		// An answer that came when nobody waited any more: whoever writes into its body
		// would wait for ever.
		if r, ok := e.Message.(*http.Response); ok {
			answering.Discard(r)
		}
	}
}
