package handlers

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/internal/linked"
)

// shared is an actor that connections name as their handler. The guardian watches it for all of them: a watch by each would cost 100
// bytes in the set of its watchers, and it a message.
type shared struct {
	handlers *Handlers
	pid      *actor.PID
	key      Key
	process  actor.Process     // that pid led to: another actor may have its name when it has stopped
	mailbox  *dispatch.Mailbox // nil: it is not one of the dispatcher's

	// Under the lock of Handlers.
	first     *Member
	restarts  int // in a row
	restarted time.Time
	survived  throttle
	announced throttle
}

// Member is one connection of a shared handler. It is part of what a connection keeps for its handler.
type Member struct {
	*shared
	connection *dispatch.Mailbox
	links      linked.Links[Member] // under the lock of Handlers
}

const (
	survivedEvery  = time.Second / 10 // at most
	restartedEvery = time.Second      // at most
	restartsInRow  = 5                // one more ends the connections
	inRow          = 10 * time.Second // between two restarts at most
)

func linksOf(m *Member) *linked.Links[Member] { return &m.links }

// PID is the handler's.
func (m *Member) PID() *actor.PID { return m.shared.pid }

// Mailbox is the handler's, nil if it is not one of the dispatcher's.
func (m *Member) Mailbox() *dispatch.Mailbox { return m.shared.mailbox }

// Join makes a zero m the member that stands for a connection of the actor pid. What becomes of that actor is told to the connection's
// mailbox until Leave: of one that is not there, within the call.
func (h *Handlers) Join(m *Member, connection *dispatch.Mailbox, pid *actor.PID) {
	m.connection = connection
	if h.add(m, pid) {
		h.watch(m.shared)
	}
}

func (h *Handlers) add(m *Member, pid *actor.PID) (first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := h.KeyOf(pid)
	s := h.byPID[key]
	if s != nil && key.node == "" {
		if process, _ := h.system.ProcessRegistry.Get(pid); process != s.process { // it has stopped, which is about to be told
			s.tell(&Lost{ErrStopped})
			s = nil
		}
	}
	if s == nil {
		first = true
		process, there := h.system.ProcessRegistry.Get(pid)
		s = &shared{handlers: h, pid: pid, key: key, process: process}
		if there {
			s.mailbox = dispatch.Of(process)
		}
		if h.byPID == nil {
			h.byPID = make(map[Key]*shared)
		}
		h.byPID[key] = s
	}
	m.shared = s
	linked.Add(&s.first, m, linksOf)
	return first
}

// Leave ends what Join began.
func (m *Member) Leave() {
	if h := m.shared.handlers; h.remove(m) {
		h.watch(m.shared)
	}
}

func (h *Handlers) remove(m *Member) (last bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := m.shared
	linked.Remove(&s.first, m, linksOf)
	if s.first != nil {
		return false
	}
	if h.byPID[s.key] == s {
		delete(h.byPID, s.key)
	}
	s.survived.stop()
	s.announced.stop()
	return true
}

// watch has the guardian watch s as long as it has connections. The guardian hears of a handler that does not exist within the call, and so
// does the program, which may wait for other connections: no lock is held. What changes meanwhile is left to who is at it. Other nodes
// tell of theirs.
func (h *Handlers) watch(s *shared) {
	if s.key.node != "" {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, busy := h.watching[s.key]; busy {
		h.watching[s.key] = true
		return
	}
	if h.watching == nil {
		h.watching = make(map[Key]bool)
	}
	defer delete(h.watching, s.key) // also if the program panics
	for again := true; again; again = h.watching[s.key] {
		h.watching[s.key] = false
		h.watchUnlocked(s.pid, h.byPID[s.key] != nil)
	}
}

// watchUnlocked gives the lock back for as long as the guardian tells the handler.
func (h *Handlers) watchUnlocked(pid *actor.PID, wanted bool) {
	h.mu.Unlock()
	defer h.mu.Lock()
	if wanted {
		h.guardian.watch(pid)
	} else {
		h.guardian.unwatch(pid)
	}
}

// find returns the handler that pid is, or nil. The lock must be held.
func (h *Handlers) find(pid *actor.PID) *shared {
	if len(h.byPID) == 0 {
		return nil
	}
	return h.byPID[h.KeyOf(pid)]
}

// lost tells the connections that name the actor pid as their handler that it is lost, and forgets it: who names it later watches it anew
// and is told too, also while some of them are still closing. One that has stopped may have a successor of its name by now, whose
// connections are not told.
func (h *Handlers) lost(pid *actor.PID, why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.find(pid)
	if s == nil {
		return
	}
	if process, there := h.system.ProcessRegistry.Get(pid); why == ErrStopped && there && process == s.process {
		return
	}
	s.tell(&Lost{why})
	delete(h.byPID, s.key)
}

// Ended takes that the actor pid has panicked, and is no more.
func (h *Handlers) Ended(pid *actor.PID, reason any) { h.lost(pid, &panicked{reason}) }

// OneOf returns the mailbox of one of the connections that name the actor pid as their handler, or nil.
func (h *Handlers) OneOf(pid *actor.PID) *dispatch.Mailbox {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.find(pid); s != nil {
		return s.first.connection
	}
	return nil
}

// Panicked takes what a supervisor has decided about the panic of an actor. A handler that lives on may have lost what it was to
// answer; one that was restarted has forgotten its connections. One that is restarted again and again loses them.
func (h *Handlers) Panicked(e *actor.SupervisorEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.find(e.Child)
	if s == nil {
		return
	}
	now := time.Now()
	s.survived.call(survivedEvery, now, &h.mu, func() { s.tell(&Survived{}) })
	if e.Directive != actor.RestartDirective {
		return
	}
	if now.Sub(s.restarted) > inRow {
		s.restarts = 0
	}
	s.restarted = now
	s.restarts++
	s.announced.call(restartedEvery, now, &h.mu, func() {
		if s.restarts > restartsInRow {
			s.tell(&Restarted{errKeepsRestarting})
		} else {
			s.tell(&Restarted{})
		}
	})
}

// NodeLost tells the connections whose handlers are at address that those are lost. Where another returns a handler for one, that takes
// its place; another may be nil.
func (h *Handlers) NodeLost(address string, err error, another func(lost *actor.PID) *actor.PID) {
	for _, m := range h.at(address) {
		var to *actor.PID
		if another != nil {
			to = another(m.PID())
		}
		if to != nil {
			m.connection.PostUserMessage(&Moved{to})
		} else {
			m.connection.PostUserMessage(&Lost{err})
		}
	}
}

// at lists the connections whose handlers are at address.
func (h *Handlers) at(address string) (all []*Member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, s := range h.byPID {
		if key.node != address {
			continue
		}
		for m := s.first; m != nil; m = m.links.Next {
			all = append(all, m)
		}
	}
	return all
}
