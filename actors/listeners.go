package actors

import (
	"net/http"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/answering"
	"github.com/spindrift-go/spindrift/actors/handlers"
	"github.com/spindrift-go/spindrift/internal/linked"
	"github.com/spindrift-go/spindrift/internal/lock"
)

// listeners are the actors that answer requests. It is the process that watches them, once each:
// a watch for each request would be two messages more to the listener.
type listeners struct {
	rt  *Runtime
	pid *actor.PID

	mu    lock.Shared
	byPID map[handlers.Key]*listener
}

// listener is an actor that was asked, and the exchanges that it has not answered.
type listener struct {
	rt *Runtime

	mu      lock.Shared
	first   *question
	stopped bool
	next    time.Duration // look is called; 0: it is not
}

func newListeners(rt *Runtime) *listeners {
	ls := &listeners{rt: rt, byPID: make(map[handlers.Key]*listener)}
	ls.pid, _ = rt.system.ProcessRegistry.Add(ls, rt.system.ProcessRegistry.NextId())
	return ls
}

// of returns the listener that pid is. It is watched until it stops.
func (ls *listeners) of(pid *actor.PID) *listener {
	key := ls.rt.handlers.KeyOf(pid)
	ls.mu.Lock()
	l := ls.byPID[key]
	if l != nil {
		ls.mu.Unlock()
		return l
	}
	l = &listener{rt: ls.rt}
	ls.byPID[key] = l
	ls.mu.Unlock()
	// Of one that is not there Terminated comes within the call.
	process, _ := ls.rt.system.ProcessRegistry.Get(pid)
	process.SendSystemMessage(pid, &actor.Watch{Watcher: actor.NewPID(ls.rt.system.Address(), ls.pid.Id)})
	return l
}

// find returns the listener that pid is, or nil.
func (ls *listeners) find(pid *actor.PID) *listener {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	return ls.byPID[ls.rt.handlers.KeyOf(pid)]
}

// waitingFor returns the exchange of r, if that waits for an answer; it looks at all that do.
func (ls *listeners) waitingFor(r *http.Request) *Exchange {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.byPID {
		for _, q := range l.all() {
			if q.Request == r {
				return q.Exchange
			}
		}
	}
	return nil
}

// SendSystemMessage makes listeners an actor.Process.
func (ls *listeners) SendSystemMessage(_ *actor.PID, message any) {
	if m, ok := message.(*actor.Terminated); ok {
		ls.ended(m.Who)
	}
}

// ended: the actor pid, a listener perhaps, is no more.
func (ls *listeners) ended(pid *actor.PID) {
	key := ls.rt.handlers.KeyOf(pid)
	ls.mu.Lock()
	l := ls.byPID[key]
	delete(ls.byPID, key)
	ls.mu.Unlock()
	if l == nil {
		return
	}
	l.mu.Lock()
	l.stopped = true
	l.mu.Unlock()
	for _, q := range l.all() {
		q.answer(answering.Plain(http.StatusServiceUnavailable, noListener))
	}
}

// SendUserMessage makes listeners an actor.Process.
func (ls *listeners) SendUserMessage(*actor.PID, any) {}

// Stop makes listeners an actor.Process.
func (ls *listeners) Stop(*actor.PID) {}

func waiting(q *question) *linked.Links[question] { return &q.waiting }

// add says that q waits for l. It returns false if l has stopped.
func (l *listener) add(q *question) bool {
	wait := answering.LookEvery
	if q.Timeout > 0 {
		wait = min(wait, q.Timeout)
	}
	now := l.rt.now()
	q.began, q.due = now, now+wait
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return false
	}
	linked.Add(&l.first, q, waiting)
	if l.next == 0 || q.due < l.next {
		l.lookAt(q.due)
	}
	return true
}

func (l *listener) remove(q *question) {
	l.mu.Lock()
	defer l.mu.Unlock()
	linked.Remove(&l.first, q, waiting)
}

// all returns those that wait.
func (l *listener) all() (qs []*question) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for q := l.first; q != nil; q = q.waiting.Next {
		qs = append(qs, q)
	}
	return qs
}

// lookAt has look called. One timer for all that wait saves each of them its own; it may
// fire for nothing when none waits any more.
func (l *listener) lookAt(at time.Duration) {
	l.next = at
	time.AfterFunc(at-l.rt.now(), func() { l.look(at) })
}

// look gives up exchanges whose time is over, or whose client is gone.
func (l *listener) look(at time.Duration) {
	l.mu.Lock()
	if l.next != at { // another comes earlier
		l.mu.Unlock()
		return
	}
	l.next = 0
	now := l.rt.now()
	var due []*question
	for q := l.first; q != nil; q = q.waiting.Next {
		if q.due <= now {
			due = append(due, q)
			if q.due = now + answering.LookEvery; q.Timeout > 0 {
				q.due = max(min(q.due, q.began+q.Timeout), now+1)
			}
		}
		if l.next == 0 || q.due < l.next {
			l.next = q.due
		}
	}
	if l.next > 0 {
		l.lookAt(l.next)
	}
	l.mu.Unlock()
	for _, q := range due {
		q.look(now)
	}
}
