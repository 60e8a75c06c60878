package actors

import (
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/internal/linked"
	"github.com/spindrift-go/spindrift/internal/lock"
)

// sharedHandlers finds the connections of a frame handler that was named, not spawned: when
// it panics or stops, its connections pay for that and no others.
type sharedHandlers struct {
	rt    *Runtime
	mu    lock.Shared
	byPID map[handlerKey]*sharedHandler

	watching sync.Mutex // whoever changes who is watched; before mu
}

// handlerKey names a handler: on another node there may be one of the same id.
type handlerKey struct{ node, id string } // node is "" here

func (rt *Runtime) keyOf(pid *actor.PID) handlerKey {
	if rt.nodes == nil || pid.Address == rt.system.Address() {
		return handlerKey{id: pid.Id}
	}
	return handlerKey{pid.Address, pid.Id}
}

// sharedHandler is an actor that connections name as theirs. The guardian watches it for
// them: a watch for each would cost its watchers' set 100 bytes and it a message.
type sharedHandler struct {
	rt      *Runtime
	pid     *actor.PID
	key     handlerKey
	mailbox *dispatch.Mailbox // nil: it is not ours

	// Under the lock of sharedHandlers.
	first     *member
	restarts  int // in a row
	restarted time.Time
	forgive   round
	announce  round
}

// member is what is on top of a connection of a shared handler.
type member struct {
	*sharedHandler
	stream *stream
	again  Again                // nil: nothing is told to a handler that was restarted
	links  linked.Links[member] // under the lock of sharedHandlers
}

const (
	announceEvery = time.Second // at most
	forgiveEvery  = time.Second / 10
	restartsInRow = 5                // one more ends the connections
	inRow         = 10 * time.Second // between two restarts at most
)

var (
	errKeepsRestarting = &handlerPanic{"it was restarted again and again"}
	errRestarted       = &handlerPanic{"it was restarted"}
)

func ofHandler(m *member) *linked.Links[member] { return &m.links }

// join puts the handler pid on top of s.
func (d *sharedHandlers) join(s *stream, pid *actor.PID, again Again) {
	m, fresh := &member{stream: s, again: again}, false
	if m.sharedHandler, fresh = d.add(m, pid); fresh {
		d.watch(m.sharedHandler)
	}
	s.top, s.handler = m, m.mailbox
}

func (d *sharedHandlers) add(m *member, pid *actor.PID) (h *sharedHandler, fresh bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := d.rt.keyOf(pid)
	if h = d.byPID[key]; h == nil {
		h, fresh = &sharedHandler{rt: d.rt, pid: pid, key: key, mailbox: d.rt.mailboxOf(pid)}, true
		if d.byPID == nil {
			d.byPID = make(map[handlerKey]*sharedHandler)
		}
		d.byPID[key] = h
	}
	linked.Add(&h.first, m, ofHandler)
	return h, fresh
}

// watch has the guardian watch h as long as it has connections. It is told of a handler
// that does not exist within the call, so mu is not held. Of one on another node Nodes tells.
func (d *sharedHandlers) watch(h *sharedHandler) {
	if h.key.node != "" {
		return
	}
	d.watching.Lock()
	defer d.watching.Unlock()
	d.mu.Lock()
	wanted := d.byPID[h.key] != nil
	d.mu.Unlock()
	if wanted {
		h.rt.guardian.watch(h.pid)
	} else {
		h.rt.guardian.unwatch(h.pid)
	}
}

// leave takes m out of the connections of its handler.
func (d *sharedHandlers) leave(m *member) {
	if d.remove(m) {
		d.watch(m.sharedHandler)
	}
}

func (d *sharedHandlers) remove(m *member) (last bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := m.sharedHandler
	linked.Remove(&h.first, m, ofHandler)
	if h.first != nil {
		return false
	}
	delete(d.byPID, h.key)
	h.forgive.stop()
	h.announce.stop()
	return true
}

// find is called under mu.
func (d *sharedHandlers) find(pid *actor.PID) *sharedHandler {
	if len(d.byPID) == 0 {
		return nil
	}
	return d.byPID[d.rt.keyOf(pid)]
}

// tell sends message to the connections of the actor pid, if it is a handler of any.
func (d *sharedHandlers) tell(pid *actor.PID, message any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.find(pid); h != nil {
		h.tell(message)
	}
}

// first calls f for one of the connections of the actor pid, if it is a handler of any.
func (d *sharedHandlers) first(pid *actor.PID, f func(s *stream)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if h := d.find(pid); h != nil {
		f(h.first.stream)
	}
}

// panicked is what a supervisor has decided about a handler's panic. One that lives on may
// have lost the answer to a Touch; one that was restarted has forgotten who is there.
func (d *sharedHandlers) panicked(e *actor.SupervisorEvent, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h := d.find(e.Child)
	if h == nil {
		return
	}
	h.forgive.within(forgiveEvery, now, d, func() { h.tell(&forgive{}) })
	if e.Directive != actor.RestartDirective {
		return
	}
	if now.Sub(h.restarted) > inRow {
		h.restarts = 0
	}
	h.restarted = now
	h.restarts++
	h.announce.within(announceEvery, now, d, func() {
		if h.restarts > restartsInRow {
			h.tell(&handlerFailed{errKeepsRestarting})
		} else {
			h.tell(&handlerRestarted{})
		}
	})
}

// handlerRestarted tells a connection that its handler was, and knows of nobody.
type handlerRestarted struct{}

func (m *member) deliver(s *stream, item any) { s.give(m.pid, item) }
func (m *member) touch(s *stream)             { s.give(m.pid, touch) }
func (m *member) flush(s *stream)             { s.post(m.pid) }
func (m *member) impatient() bool             { return true }
func (m *member) detach(s *stream)            { s.rt.shared.leave(m) }

func (m *member) end(s *stream) (awaited bool) {
	m.touch(s)
	m.flush(s)
	return true
}
