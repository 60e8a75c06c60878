package actors

import (
	"crypto/tls"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/answering"
	"github.com/spindrift-go/spindrift/internal/linked"
)

// question is an exchange that a listener was asked to decide, and the mailbox of the process that
// the listener answers to. Each exchange has one of its own, so that a second answer to it answers
// no other. It is no actor: one that is started for each request and stopped after a single message
// costs more than the request's own messages (make bench ROWS=http-actor).
//
//	open       until somebody claims it: who does decides the exchange, and nobody else does
//	answered   by the listener, or for it: with a response, or none if the client has left
//	succeeded  by an actor, if the answer asks for an upgrade. It is found by the same PID, and what
//	           was on its way to the question is passed on to it
//	over       ask returns: the PID leads to the successor, or nowhere
//
// So a listener's messages behind its answer reach the connection, whoever has looked up the PID when.
type question struct {
	*Exchange
	pid     *actor.PID
	waiting linked.Links[question] // the others that wait for the listener
	began   time.Duration
	due     time.Duration  // when to look after it
	decided sync.WaitGroup // of one: whoever has claimed the exchange is done
	claimed atomic.Bool
	reset   bool // the client has left before there was an answer

	mu        sync.Mutex // of what follows: messages may come from anywhere
	watchers  []*actor.PID
	successor *conn // nil: none
	touched   bool  // the listener has panicked, and was touched
	over      bool
}

// ask has the listener of ex decide it.
func (rt *Runtime) ask(ex *Exchange) {
	if t, ok := ex.Conn.(*tls.Conn); ok { // while it is ours: an upgrade replaces what it runs over
		ex.Conn = t.NetConn()
	}
	q := &question{Exchange: ex}
	q.decided.Add(1)
	q.pid, _ = rt.system.ProcessRegistry.Add(actor.NewActorProcess(q), rt.system.ProcessRegistry.NextId())
	if l := rt.listeners.of(ex.Listener); l.add(q) {
		rt.root.RequestWithCustomSender(ex.Listener, ex.Request, q.pid)
		q.decided.Wait()
		l.remove(q)
	} else {
		q.answer(answering.Plain(http.StatusServiceUnavailable, noListener))
	}
	q.end()
	switch {
	case q.successor != nil:
		rt.upgrade(ex, q.successor)
	case q.reset:
		panic(http.ErrAbortHandler) // there is nobody to write to
	}
}

// claim decides who decides the exchange: the first who asks.
func (q *question) claim() bool { return q.claimed.CompareAndSwap(false, true) }

// answer decides the exchange, unless it is decided.
func (q *question) answer(r *http.Response) bool {
	if !q.claim() {
		return false
	}
	q.response = r
	q.decided.Done()
	return true
}

// become has an actor take the place of q. Its first turn, in which it is opened, is for ask: what is
// sent to it behind the answer waits in its mailbox.
func (q *question) become(u Upgrader) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.claim() {
		return false
	}
	q.Upgrader = u
	q.successor = q.rt.newConn()
	q.successor.mailbox.Reserve()
	q.rt.system.ProcessRegistry.Remove(q.pid) // who has found q by the PID looks again
	q.rt.spawn(q.successor, q.pid.Id)
	for _, w := range q.watchers {
		q.successor.mailbox.PostSystemMessage(&actor.Watch{Watcher: w})
	}
	q.decided.Done()
	return true
}

// passOn gives the successor, if there is one, what was on its way to q.
func (q *question) passOn(message any) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.successor == nil {
		return false
	}
	q.successor.mailbox.PostUserMessage(message)
	return true
}

// panicked answers the request at which the listener has panicked. If nobody knows
// which that was, then those that it had begun and will not answer: a Touch comes back
// when it has worked through all that it was sent before the panic.
func (q *question) panicked(m *listenerPanicked) {
	switch m.request {
	case q.Request:
		q.answer(answering.Plain(http.StatusInternalServerError, listenerFailed))
	case nil:
		q.mu.Lock()
		q.touched = true
		q.mu.Unlock()
		q.rt.root.RequestWithCustomSender(m.listener, &actor.Touch{}, q.pid)
	}
}

func (q *question) isTouched() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.touched
}

// look gives the exchange up if the client has left, or the listener has had its time.
func (q *question) look(now time.Duration) {
	switch {
	case q.Left():
		if q.claim() {
			q.reset = true
			q.decided.Done()
		}
	case q.Timeout > 0 && now-q.began >= q.Timeout:
		q.answer(answering.Plain(http.StatusServiceUnavailable, "no answer in time"))
	}
}

// end has nobody find q any more, unless an actor has taken its place.
func (q *question) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.over = true
	if q.successor == nil {
		q.rt.system.ProcessRegistry.Remove(q.pid)
		for _, w := range q.watchers {
			q.terminated(w)
		}
	}
}

func (q *question) terminated(watcher *actor.PID) {
	to, _ := q.rt.system.ProcessRegistry.Get(watcher)
	to.SendSystemMessage(watcher, &actor.Terminated{Who: q.pid})
}

const (
	noListener     = "no listener"
	listenerFailed = "listener failed"
)
