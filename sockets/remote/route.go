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
	for {
		l := r.link.Load()
		if l == nil {
			if r.keep(&d) {
				return
			}
			continue
		}
		switch err := r.send(l, &d); {
		case err == nil:
			return
		case errors.Is(err, ErrLinkLost):
			r.link.CompareAndSwap(l, nil)
		default:
			r.refuse(&d, err)
			return
		}
	}
}

// keep has a message wait for a link, unless there is one by now.
func (r *route) keep(d *delayed) (done bool) {
	r.mu.Lock()
	if r.link.Load() != nil {
		r.mu.Unlock()
		return false
	}
	size := r.size + d.bytes()
	full := size > r.node.config.MaxQueue
	if !full {
		r.waiting, r.size = append(r.waiting, *d), size
		if !r.connecting {
			r.connecting = true
			go r.connect()
		}
	}
	r.mu.Unlock()
	if full {
		r.refuse(d, errTooMuchWaits)
	}
	return true
}

var errTooMuchWaits = errors.New("too much waits for a link")

// send sends a message by a link.
func (r *route) send(l *link, d *delayed) error {
	if d.system {
		return r.node.sendSystem(l, d.to, d.m)
	}
	return r.node.send(l, d.to, d.header, d.m, d.sender, false)
}

// refuse says that a message is none that can be sent. Like dead it calls the program, which may send to the same address: the lock
// must not be held.
func (r *route) refuse(d *delayed, err error) {
	r.node.counts.refused.Add(1)
	r.node.complain("a message was refused", "error", err, "to", d.to.Address+"/"+d.to.Id)
	r.dead(d)
}

// dead has a message end here.
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
	type failure struct {
		*delayed
		err error
	}
	var failed []failure
	r.mu.Lock()
	r.connecting = false
	waiting := r.waiting
	r.waiting, r.size = nil, 0
	for i := range waiting {
		why := err
		if err == nil {
			why = r.send(l, &waiting[i])
		}
		if why != nil {
			failed = append(failed, failure{&waiting[i], why})
		}
	}
	if err == nil {
		r.link.Store(l)
	}
	r.mu.Unlock()
	for _, f := range failed {
		if err != nil || errors.Is(f.err, ErrLinkLost) {
			r.dead(f.delayed)
		} else {
			r.refuse(f.delayed, f.err)
		}
	}
}
