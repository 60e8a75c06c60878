package handlers

import (
	"github.com/asynkron/protoactor-go/actor"
)

// guardian is the parent of the spawned handlers. It stops those that panic: what they were in the middle of with their peer cannot be
// restarted. It also tells the connection of a handler's end: proto.actor would keep a set of watchers for one watch, which is 600 bytes
// (make idle).
//
// The handlers are children of the guardian and not of their connections because proto.actor stops children before they have read what
// was sent to them, Closed for instance.
type guardian struct {
	handlers *Handlers
	root     *actor.RootContext // whose children the handlers are
}

func newGuardian(h *Handlers) *guardian {
	g := &guardian{handlers: h}
	g.root = actor.NewRootContext(h.system, nil).WithGuardian(g)
	// proto.actor's process for a guardian hears of failures only: we take its place.
	pid := g.root.Self()
	h.system.ProcessRegistry.LocalPIDs.GetBucket(pid.Id).Set(pid.Id, g)
	return g
}

// SendSystemMessage makes guardian an actor.Process.
func (g *guardian) SendSystemMessage(_ *actor.PID, message any) {
	switch m := message.(type) {
	case *actor.Failure:
		g.root.Stop(m.Who)
		g.tell(m.Who, &panicked{m.Reason})
	case *actor.Terminated:
		g.tell(m.Who, ErrStopped)
	}
}

// watch has Terminated sent here when the actor pid has ended, within the call if there is no such actor.
func (g *guardian) watch(pid *actor.PID) { g.send(pid, &actor.Watch{Watcher: g.root.Self()}) }

func (g *guardian) unwatch(pid *actor.PID) { g.send(pid, &actor.Unwatch{Watcher: g.root.Self()}) }

func (g *guardian) send(pid *actor.PID, message any) {
	process, _ := g.handlers.system.ProcessRegistry.Get(pid)
	process.SendSystemMessage(pid, message)
}

// tell tells the connections of a handler that it is lost: those that name it, or the one that it was spawned for.
func (g *guardian) tell(handler *actor.PID, why error) {
	g.handlers.lost(handler, why)
	id, _ := ConnectionOf(handler.Id)
	if connection, alive := g.handlers.system.ProcessRegistry.GetLocal(id); alive {
		connection.SendUserMessage(nil, &Lost{why})
	}
}

// SendUserMessage makes guardian an actor.Process.
func (g *guardian) SendUserMessage(*actor.PID, any) {}

// Stop makes guardian an actor.Process.
func (g *guardian) Stop(*actor.PID) {}

// HandleFailure makes guardian an actor.SupervisorStrategy, by which proto.actor knows it.
func (g *guardian) HandleFailure(*actor.ActorSystem, actor.Supervisor, *actor.PID, *actor.RestartStatistics, any, any) {
}
