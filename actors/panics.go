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
	"github.com/spindrift-go/spindrift/pipeline"
)

// panicWatcher knows what to do when a listener or a handler panics: whose request it was is
// answered with 500 at once, and the program is told.
type panicWatcher struct {
	rt     *Runtime
	mu     lock.Shared
	stacks errorlog.Log   // bounds how often one is taken
	known  map[string]int // panics on the dispatcher, by actor, whose SupervisorEvent is still to come
}

// listenerPanicked tells an exchange that whom it has asked has panicked.
type listenerPanicked struct {
	request  *http.Request // at this one; nil: nobody knows at which
	listener *actor.PID
}

// onDispatcher is called within the panic of an actor that runs on our dispatcher, where
// the message is known, and so whose it was.
func (p *panicWatcher) onDispatcher(self *actor.PID, message, reason any) {
	_, m, sender := actor.UnwrapEnvelope(message)
	if r, ok := m.(*http.Request); ok && sender != nil {
		p.supervised(self)
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
		p.supervised(self)
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

// supervised remembers that a SupervisorEvent of an actor has been dealt with.
func (p *panicWatcher) supervised(self *actor.PID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) > 1000 { // a supervisor that publishes nothing
		p.known = make(map[string]int)
	}
	p.known[self.Id]++
}

// judged is called with the events of the actor system, within the panic if the actor
// has no parent: then there is a stack.
func (p *panicWatcher) judged(e *actor.SupervisorEvent) {
	if p.wasKnown(e.Child) {
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

// wasKnown says that the panic of actor was dealt with already.
func (p *panicWatcher) wasKnown(actor *actor.PID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.known[actor.Id]
	if n == 1 {
		delete(p.known, actor.Id)
	} else if n > 1 {
		p.known[actor.Id]--
	}
	return n > 0
}

// handlerPanicked has a connection say that its handler has panicked: it knows where it came
// from, and who looks on.
type handlerPanicked struct {
	reason any
	args   []any // for the log; nil: it has enough lines
}

func (c *conn) handlerPanicked(m *handlerPanicked) {
	c.observed().panicked(m.reason)
	if m.args == nil {
		return
	}
	c.origin.say("handler panicked", append(m.args, "reason", m.reason)...)
}

// unknown tells the program that a connection was sent what it cannot send: a string, a
// struct in place of a pointer, nil. It becomes a dead letter, as what nobody takes does.
func (c *conn) unknown(message any, sender *actor.PID) {
	switch message.(type) {
	case *pipeline.Hold, *pipeline.Limits: // of ours, and of no concern by now
		return
	}
	from := "nobody"
	if sender != nil {
		from = sender.Id
	}
	c.origin.say("a connection was sent what it does not know: send *frame.Frame, or what its stages take",
		"type", fmt.Sprintf("%T", message), "sender", from)
	c.rt.system.EventStream.Publish(&actor.DeadLetterEvent{PID: c.ctx.Self(), Message: message, Sender: sender})
}
