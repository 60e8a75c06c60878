package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/internal/lock"
	"github.com/spindrift-go/spindrift/pipeline"
)

// pollInterval is how often the monitor looks while there are connections.
const pollInterval = time.Second

// shutdownMonitor notices that the actor system was shut down, which proto.actor tells
// nobody, and has every connection leave. It knows whether there are connections,
// and keeps the dispatcher's idle workers while there are.
type shutdownMonitor struct {
	root    *actor.RootContext
	stopped func() bool // the system's
	mu      lock.Shared
	groups  map[*Group]struct{} // those that have connections
	timer   *time.Timer
	keep    func() (release func()) // the dispatcher's
	release func()                  // nil: there are no connections
}

// watch and unwatch are called with the group's lock held.
func (w *shutdownMonitor) watch(g *Group) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.groups == nil {
		w.groups = make(map[*Group]struct{})
	}
	w.groups[g] = struct{}{}
	if w.release == nil {
		w.release = w.keep()
	}
	switch {
	case w.timer == nil:
		w.timer = time.AfterFunc(pollInterval, w.look)
	case len(w.groups) == 1 || w.stopped(): // it does not run
		w.timer.Reset(pollInterval)
	}
}

func (w *shutdownMonitor) unwatch(g *Group) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.groups, g)
	if len(w.groups) == 0 {
		w.timer.Stop()
		w.release()
		w.release = nil
	}
}

// all returns the groups that have connections.
func (w *shutdownMonitor) all() (groups []*Group) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for g := range w.groups {
		groups = append(groups, g)
	}
	return groups
}

func (w *shutdownMonitor) look() {
	w.mu.Lock()
	if len(w.groups) == 0 {
		w.mu.Unlock()
		return
	}
	if !w.stopped() {
		w.timer.Reset(pollInterval)
		w.mu.Unlock()
		return
	}
	w.mu.Unlock()
	for _, g := range w.all() {
		for _, pid := range g.ask(&pipeline.Leave{}) {
			w.root.Send(pid, &pipeline.Leave{})
		}
	}
}
