package remote

import (
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/handlers"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/protobuf/proto"
)

// watching is an actor here that watches one on the other node of a link, by the address that it has
// for it: that is what it is told of.
type watching struct{ watcher, address, watchee string }

func (w watching) who() *actor.PID { return actor.NewPID(w.address, w.watchee) }

// sendSystem queues a system message, of those that one node may send to another.
func (n *Node) sendSystem(l *link, target *actor.PID, message any) error {
	m := outgoing{address: addressOf(target.Id)}
	switch v := message.(type) {
	case *actor.Watch:
		m.kind, m.body = kindWatch, watchOut(n, v.Watcher)
		l.watches(watching{v.Watcher.Id, target.Address, target.Id}, true)
	case *actor.Unwatch:
		m.kind, m.body = kindUnwatch, watchOut(n, v.Watcher)
		l.watches(watching{v.Watcher.Id, target.Address, target.Id}, false)
	case *actor.Terminated:
		m.kind = kindTerminated
		m.body, _ = proto.Marshal(&wire.Terminated{Who: []byte(v.Who.GetId()), Why: uint32(v.Why)})
	case *actor.Stop:
		m.kind = kindStop
	default:
		return &uncrossable{message, "it is a system message of its own node"}
	}
	if !l.post(&m) {
		return &lostError{hostPort(l.remote), errStopped}
	}
	return nil
}

func watchOut(n *Node, watcher *actor.PID) []byte {
	w := &wire.Watch{Watcher: []byte(watcher.Id)}
	if watcher.Address != n.address {
		w.WatcherAddress = []byte(watcher.Address)
	}
	b, _ := proto.Marshal(w)
	return b
}

// watches keeps who is to be told when the link is lost.
func (l *link) watches(w watching, on bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
	case on:
		l.watched[w] = struct{}{}
	default:
		delete(l.watched, w)
	}
}

// unwatches forgets who is to be told, and reports whether anybody was.
func (l *link) unwatches(w watching) (watched bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, watched = l.watched[w]
	delete(l.watched, w)
	return watched
}

// system hands over a system message of the other node.
func (l *link) system(i *item) error {
	n := l.node
	if internal[string(i.target)] {
		return nil
	}
	to := n.receiver(string(i.target))
	switch i.kind {
	case kindStop:
		to.process.SendSystemMessage(to.pid, &actor.Stop{})
	case kindTerminated:
		m := new(wire.Terminated)
		if err := proto.Unmarshal(i.body, m); err != nil {
			return err
		}
		for _, address := range []string{hostPort(l.remote), l.remote, l.address} {
			w := watching{to.pid.Id, address, string(m.Who)}
			if l.unwatches(w) {
				to.process.SendSystemMessage(to.pid, &actor.Terminated{Who: w.who(), Why: actor.TerminatedReason(m.Why)})
			}
		}
	default:
		m := new(wire.Watch)
		if err := proto.Unmarshal(i.body, m); err != nil {
			return err
		}
		watcher := &actor.PID{Address: l.remote, Id: string(m.Watcher)}
		if len(m.WatcherAddress) > 0 {
			watcher.Address = string(m.WatcherAddress)
		}
		switch {
		case i.kind == kindUnwatch:
			to.process.SendSystemMessage(to.pid, &actor.Unwatch{Watcher: watcher})
		case to.process == actor.Process(n.system.DeadLetter): // nobody else would tell
			body, _ := proto.Marshal(&wire.Terminated{Who: []byte(to.pid.Id), Why: uint32(actor.TerminatedReason_NotFound)})
			l.post(&outgoing{address: addressOf(watcher.Id), kind: kindTerminated, body: body})
		default:
			to.process.SendSystemMessage(to.pid, &actor.Watch{Watcher: watcher})
		}
	}
	return nil
}

// terminated tells an actor here of the end of one that it has watched.
func (n *Node) terminated(watcher string, who *actor.PID, why actor.TerminatedReason) {
	if process, alive := n.system.ProcessRegistry.GetLocal(watcher); alive {
		process.SendSystemMessage(n.system.NewLocalPID(watcher), &actor.Terminated{Who: who, Why: why})
	}
}

// watcher is the actor.Process that hears of the end of handlers here.
type watcher struct{ *Node }

// SendUserMessage makes watcher an actor.Process.
func (watcher) SendUserMessage(*actor.PID, any) {}

// Stop makes watcher an actor.Process.
func (watcher) Stop(*actor.PID) {}

// SendSystemMessage makes watcher an actor.Process. A handler that has stopped is taken out of all
// books, and the nodes of its connections are told.
func (n watcher) SendSystemMessage(_ *actor.PID, message any) {
	t, ok := message.(*actor.Terminated)
	if !ok {
		return
	}
	now := n.receiver(t.Who.Id).process // it is in the registry no more, another of its name may be
	n.mu.Lock()
	if h := n.handlers[t.Who.Id]; h != nil && h.process != now {
		delete(n.handlers, t.Who.Id)
	}
	n.mu.Unlock()
	for _, l := range n.allLinks() {
		go l.handlerStopped(t.Who.Id) // not in the turn of who has stopped, which a Pack may be handed to
	}
}

// handlerStopped takes the connections of a handler out of the books, but for those of one that has its name now.
func (l *link) handlerStopped(id string) {
	l.handing.Lock()
	defer l.handing.Unlock()
	now := l.node.receiver(id).process
	l.mu.Lock()
	defer l.mu.Unlock()
	for conn, e := range l.books {
		if e.handler.Id == id && e.to.process != now {
			delete(l.books, conn)
			e.ctx.end()
			l.node.left(e)
			l.tellGone(e, handlers.ErrStopped)
		}
	}
}

// published tells other nodes what a supervisor has decided about their connections' handler.
func (n *Node) published(event any) {
	e, ok := event.(*actor.SupervisorEvent)
	if !ok || e.Child.Address != n.address {
		return
	}
	n.mu.Lock()
	h := n.handlers[e.Child.Id]
	nobody := h == nil || h.conns == 0
	n.mu.Unlock()
	if nobody {
		return
	}
	n.config.Log.Error("handler panicked", "reason", e.Reason, "actor", e.Child.Id)
	body, _ := proto.Marshal(&wire.HandlerPanicked{
		Handler: []byte(e.Child.Id), Restarted: e.Directive == actor.RestartDirective, Reason: []byte(fmt.Sprint(e.Reason)),
	})
	for _, l := range n.allLinks() {
		if l.isOpen() {
			l.post(&outgoing{kind: kindHandlerPanicked, body: body})
		}
	}
}

func (l *link) isOpen() bool {
	select {
	case <-l.ready:
		return true
	default:
		return false
	}
}
