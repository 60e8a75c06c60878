package remote

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/handlers"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"google.golang.org/protobuf/proto"
)

// route is the actor.Process of all actors at an address. PIDs keep it, so it finds the link
// anew when it has to.
type route struct {
	node    *Node
	address string
	link    atomic.Pointer[link]

	mu         sync.Mutex
	connecting bool
	waiting    []delayed
	size       int // of those, about
}

// delayed waits for a link.
type delayed struct {
	to     *actor.PID
	header actor.ReadonlyMessageHeader
	m      any
	sender *actor.PID
	system bool
}

// bytes is about what a message takes while it waits.
func (d *delayed) bytes() int {
	const around = 256
	switch m := d.m.(type) {
	case *frame.Frame:
		return around + len(m.Payload)
	case proto.Message:
		return around + proto.Size(m)
	}
	return around
}

// resolve makes Node an actor.AddressResolver.
func (n *Node) resolve(pid *actor.PID) (actor.Process, bool) {
	if name := linkOf(pid.Address); name != "" {
		if l := n.link(name); l != nil {
			return l, true
		}
		return lostLink{n, pid.Address}, true
	}
	if pid.Address == n.Addr() { // this node, by its place
		return n.system.ProcessRegistry.GetLocal(pid.Id)
	}
	if hostPort(pid.Address) == n.Addr() {
		return nil, false // one that was here before
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	r := n.routes[pid.Address]
	if r == nil {
		if len(n.routes) >= 1024 { // of nodes that are gone, most of them
			clear(n.routes)
		}
		r = &route{node: n, address: pid.Address}
		n.routes[pid.Address] = r
	}
	return r, true
}

// lostLink is the process of handlers by a link that is lost.
type lostLink struct {
	node    *Node
	address string
}

// SendUserMessage makes lostLink an actor.Process.
func (l lostLink) SendUserMessage(_ *actor.PID, message any) {
	if _, _, sender := actor.UnwrapEnvelope(message); sender != nil {
		l.node.tell(sender.Id, &handlers.Lost{Err: &lostError{hostPort(l.address), errors.New("it is not there any more")}})
	}
}

// SendSystemMessage makes lostLink an actor.Process.
func (lostLink) SendSystemMessage(*actor.PID, any) {}

// Stop makes lostLink an actor.Process.
func (lostLink) Stop(*actor.PID) {}

// SendUserMessage makes route an actor.Process.
func (r *route) SendUserMessage(pid *actor.PID, message any) {
	header, m, sender := actor.UnwrapEnvelope(message)
	if _, ok := m.(*sockets.Upgraded); ok && sender != nil { // a client's, whose node was lost while it dialled
		r.node.tell(sender.Id, &handlers.Lost{Err: &AwayError{r.address, ErrLinkLost}})
		return
	}
	r.deliver(delayed{pid, header, m, sender, false})
}

// SendSystemMessage makes route an actor.Process.
func (r *route) SendSystemMessage(pid *actor.PID, message any) {
	r.deliver(delayed{to: pid, m: message, system: true})
}

// Stop makes route an actor.Process.
func (r *route) Stop(pid *actor.PID) { r.SendSystemMessage(pid, &actor.Stop{}) }

func (r *route) deliver(d delayed) {
	if l := r.link.Load(); l != nil {
		if r.by(l, &d) {
			return
		}
		r.link.CompareAndSwap(l, nil)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.link.Load(); l != nil && r.by(l, &d) {
		return
	}
	size := r.size + d.bytes()
	if size > r.node.config.MaxQueue {
		r.node.counts.refused.Add(1)
		r.node.complain("a message was refused: too much waits for a link", "to", d.to.Address+"/"+d.to.Id)
		r.dead(&d)
		return
	}
	r.waiting, r.size = append(r.waiting, d), size
	if !r.connecting {
		r.connecting = true
		go r.connect()
	}
}

// by sends a message by a link. It reports false if that is lost.
func (r *route) by(l *link, d *delayed) bool {
	var err error
	if d.system {
		err = r.node.sendSystem(l, d.to, d.m)
	} else {
		err = r.node.send(l, d.to, d.header, d.m, d.sender, false)
	}
	switch {
	case err == nil:
		return true
	case errors.Is(err, ErrLinkLost):
		return false
	}
	r.node.counts.refused.Add(1)
	r.node.complain("a message was refused", "error", err, "to", d.to.Address+"/"+d.to.Id)
	r.dead(d)
	return true
}

func (r *route) dead(d *delayed) {
	if d.system {
		if w, ok := d.m.(*actor.Watch); ok {
			r.node.terminated(w.Watcher.Id, d.to, actor.TerminatedReason_AddressTerminated)
		}
		return
	}
	r.node.system.EventStream.Publish(&actor.DeadLetterEvent{PID: d.to, Message: d.m, Sender: d.sender})
}

// connect looks for a link, and sends what waits for it or gives it up.
func (r *route) connect() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*r.node.config.DialTimeout)
	defer cancel()
	l, err := r.node.peer(hostPort(r.address)).connect(ctx)
	if err == nil && !bare(r.address) && l.remote != r.address {
		err = errAnother
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connecting = false
	waiting := r.waiting
	r.waiting, r.size = nil, 0
	for i := range waiting {
		if err != nil || !r.by(l, &waiting[i]) {
			r.dead(&waiting[i])
		}
	}
	if err == nil {
		r.link.Store(l)
	}
}
