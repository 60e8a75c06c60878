package actors

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/handlers"
	"github.com/spindrift-go/spindrift/internal/errorlog"
	"github.com/spindrift-go/spindrift/internal/lock"
)

// panicWatcher sees the panics of listeners and handlers. A request at which a listener has panicked is answered
// with 500 at once, and the program's log says where it happened.
//
// It hears of a panic twice, if the actor runs on our dispatcher: there, where the message is known, and then from
// proto.actor's supervisor. Of other actors only the supervisor tells.
type panicWatcher struct {
	rt      *Runtime
	mu      lock.Shared
	stacks  errorlog.Log   // bounds how often a stack is taken
	handled map[string]int // panics that onDispatcher has dealt with and that the supervisor is still to tell of, by actor
}

// listenerPanicked tells a question that the listener has panicked.
type listenerPanicked struct {
	request  *http.Request // at which it has; nil: nobody knows
	listener *actor.PID
}

// onDispatcher is called within the panic of an actor that runs on our dispatcher: the message, and so its
// sender, is known.
func (p *panicWatcher) onDispatcher(self *actor.PID, message, reason any) {
	_, m, sender := actor.UnwrapEnvelope(message)
	if r, ok := m.(*http.Request); ok && sender != nil {
		p.expectEvent(self)
		var from *origin
		if ex := p.rt.listeners.waitingFor(r); ex != nil {
			from = ex.origin()
		}
		from.panicked("listener panicked", reason, "actor", self.Id)
		p.rt.root.Send(sender, &listenerPanicked{request: r, listener: self})
		return
	}
	conn, spawned := handlers.ConnectionOf(self.Id)
	switch {
	case spawned: // its guardian publishes no event
	case sender != nil:
		p.expectEvent(self)
		conn = sender.Id
	}
	news := &handlerPanicked{reason: reason}
	if _, ok := p.stacks.Allow(time.Now()); ok {
		news.args = []any{"actor", self.Id, "message", fmt.Sprintf("%T", m), "stack", string(debug.Stack())}
	}
	if to, alive := p.rt.system.ProcessRegistry.GetLocal(conn); alive {
		to.SendUserMessage(nil, news)
	} else if news.args != nil {
		errorlog.Fallback.Error("handler panicked", append(news.args, "reason", reason)...)
	}
}

// expectEvent remembers that the panic of self, of which a SupervisorEvent is still to come, has been dealt with.
func (p *panicWatcher) expectEvent(self *actor.PID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.handled == nil || len(p.handled) > 1000 { // there are supervisors that publish nothing
		p.handled = make(map[string]int)
	}
	p.handled[self.Id]++
}

// onSupervisor is called when a supervisor has decided about a panic: within that, with its stack, if the actor
// has no parent.
func (p *panicWatcher) onSupervisor(e *actor.SupervisorEvent) {
	if p.wasExpected(e.Child) {
		return
	}
	var asked []*question
	if l := p.rt.listeners.find(e.Child); l != nil {
		asked = l.all()
	}
	for _, q := range asked {
		q.panicked(&listenerPanicked{listener: q.Listener})
	}
	if len(asked) == 0 {
		one := p.rt.handlers.OneOf(e.Child) // nobody knows at whose message it was
		if one == nil {
			return
		}
		one.PostUserMessage(&handlerPanicked{reason: e.Reason})
		if _, ok := p.stacks.Allow(time.Now()); ok {
			var from *origin
			if c, ok := one.Owner().(*conn); ok {
				from = c.origin
			}
			from.withoutPeer().panicked("handler panicked", e.Reason, "actor", e.Child.Id)
		}
		return
	}
	o := asked[0].origin()
	if len(asked) > 1 { // nobody knows at which
		o = o.withoutPeer()
	}
	o.panicked("listener panicked", e.Reason, "actor", e.Child.Id)
}

// wasExpected reports whether the panic of self has been dealt with already.
func (p *panicWatcher) wasExpected(self *actor.PID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.handled[self.Id]
	if n == 1 {
		delete(p.handled, self.Id)
	} else if n > 1 {
		p.handled[self.Id]--
	}
	return n > 0
}

// handlerPanicked tells a connection that its handler has panicked: the connection knows its peer,
// which belongs into the log, and its Observer.
type handlerPanicked struct {
	reason any
	args   []any // for the log; nil: nothing is logged
}

func (c *conn) handlerPanicked(m *handlerPanicked) {
	c.observed().panicked(m.reason)
	if m.args == nil {
		return
	}
	c.origin.say("handler panicked", append(m.args, "reason", m.reason)...)
}
