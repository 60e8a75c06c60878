package actors

import (
	"errors"
	"fmt"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
)

// handlerName is what a spawned handler is called below its connection.
const handlerName = "/handler"

// handlerFailed tells a connection that its handler has stopped, or has panicked.
type handlerFailed struct{ err error }

// guardian is the parent of the handlers that connections spawned. It stops those
// that panic: what they were in the middle of with their peer cannot be restarted.
// And it tells the connection of a handler's end, which saves it watching: the set
// of watchers that proto.actor keeps for one is 600 bytes (make idle).
//
// They are children of it and not of the connection because proto.actor stops
// children before they have read what was sent to them, Closed for instance.
type guardian struct {
	rt   *Runtime
	root *actor.RootContext // whose children are ours
}

func newGuardian(rt *Runtime) *guardian {
	g := &guardian{rt: rt}
	g.root = actor.NewRootContext(rt.system, nil).WithGuardian(g)
	// proto.actor's process for a guardian hears of failures only: we take its place.
	pid := g.root.Self()
	rt.system.ProcessRegistry.LocalPIDs.GetBucket(pid.Id).Set(pid.Id, g)
	return g
}

// SendSystemMessage makes guardian an actor.Process.
func (g *guardian) SendSystemMessage(_ *actor.PID, message any) {
	switch m := message.(type) {
	case *actor.Failure:
		g.rt.root.Stop(m.Who)
		g.tell(m.Who, &handlerPanic{m.Reason})
	case *actor.Terminated:
		g.tell(m.Who, ErrHandlerStopped)
	}
}

var (
	// ErrHandlerStopped is in Closed when the frame handler has stopped.
	ErrHandlerStopped = errors.New("frame handler stopped")
	// ErrHandlerPanicked is in Closed when the frame handler has panicked.
	ErrHandlerPanicked = errors.New("frame handler panicked")
)

// handlerPanic is an ErrHandlerPanicked that says why.
type handlerPanic struct{ reason any }

func (e *handlerPanic) Error() string        { return fmt.Sprintf("%v: %v", ErrHandlerPanicked, e.reason) }
func (e *handlerPanic) Is(target error) bool { return target == ErrHandlerPanicked }

// watch has Terminated sent here when the actor pid has ended, or if there is none.
func (g *guardian) watch(pid *actor.PID) { g.about(pid, &actor.Watch{Watcher: g.root.Self()}) }

func (g *guardian) unwatch(pid *actor.PID) { g.about(pid, &actor.Unwatch{Watcher: g.root.Self()}) }

func (g *guardian) about(pid *actor.PID, message any) {
	process, _ := g.rt.system.ProcessRegistry.Get(pid)
	process.SendSystemMessage(pid, message)
}

// tell gives a handler's connections the news.
func (g *guardian) tell(handler *actor.PID, news error) {
	failed := &handlerFailed{news}
	g.rt.shared.tell(handler, failed)
	conn, alive := g.rt.system.ProcessRegistry.GetLocal(strings.TrimSuffix(handler.Id, handlerName))
	if alive {
		conn.SendUserMessage(nil, failed)
	}
}

// SendUserMessage makes guardian an actor.Process.
func (g *guardian) SendUserMessage(*actor.PID, any) {}

// Stop makes guardian an actor.Process.
func (g *guardian) Stop(*actor.PID) {}

// HandleFailure makes guardian an actor.SupervisorStrategy, which proto.actor
// knows it by.
func (g *guardian) HandleFailure(*actor.ActorSystem, actor.Supervisor, *actor.PID, *actor.RestartStatistics, any, any) {
}

// mailboxOf returns the mailbox of an actor if it is one of ours, else nil.
func (rt *Runtime) mailboxOf(pid *actor.PID) *dispatch.Mailbox {
	process, ok := rt.system.ProcessRegistry.Get(pid)
	if !ok {
		return nil
	}
	return dispatch.Of(process)
}
