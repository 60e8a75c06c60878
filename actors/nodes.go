package actors

import "github.com/asynkron/protoactor-go/actor"

// Nodes carries messages between this actor system and those of other nodes. Package
// sockets/remote is one.
type Nodes interface {
	// Reach is asked at each upgrade whose Handler is an actor of another node, with the value
	// that Hello will carry. It returns the PID that the connection is to send to, or why it
	// cannot. What the connection says to it is either heard, or NodeLost is called with its
	// address.
	Reach(handler *actor.PID, value any) (*actor.PID, error)
}

// SetNodes tells the runtime who reaches other nodes. It is called once, before anything is
// spawned.
func (rt *Runtime) SetNodes(n Nodes) { rt.nodes = n }

// Nodes returns who reaches other nodes; nil: nobody does.
func (rt *Runtime) Nodes() Nodes { return rt.nodes }

// HandlerLost tells a connection that its handler cannot be heard any more.
type HandlerLost struct{ Err error }

// HandlerMoved tells a connection that another handler takes the place of one that is lost. It
// is told of the connection as of a new one; what the lost one had not worked through is lost
// as well.
type HandlerMoved struct{ To *actor.PID }

// NodeLost tells the connections whose handlers are at address that they cannot be heard any
// more. Where another returns a handler for one, that takes its place; another may be nil.
func (rt *Runtime) NodeLost(address string, err error, another func(lost *actor.PID) *actor.PID) {
	for _, l := range rt.shared.at(address) {
		var to *actor.PID
		if another != nil {
			to = another(l.handler)
		}
		if to != nil {
			l.stream.mailbox.PostUserMessage(&HandlerMoved{to})
		} else {
			l.stream.mailbox.PostUserMessage(&HandlerLost{err})
		}
	}
}

// TellHandled tells the connections of an actor of another node, its end for instance.
func (rt *Runtime) TellHandled(handler *actor.PID, err error) {
	rt.shared.tell(handler, &HandlerLost{err})
}

// HandlerPanicked is what a supervisor on another node has decided about a handler's panic.
func (rt *Runtime) HandlerPanicked(handler *actor.PID, decided actor.Directive, reason any) {
	rt.published(&actor.SupervisorEvent{Child: handler, Reason: reason, Directive: decided})
}

// handled is a connection and who is on top of it.
type handled struct {
	handler *actor.PID
	stream  *stream
}

// at lists the connections whose handlers are at address.
func (d *sharedHandlers) at(address string) (all []handled) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, h := range d.byPID {
		if key.node != address {
			continue
		}
		for m := h.first; m != nil; m = m.links.Next {
			all = append(all, handled{h.pid, m.stream})
		}
	}
	return all
}

// moveHandler puts another handler on top, which is told of the connection. It owes no credit.
func (s *stream) moveHandler(to *actor.PID) {
	lost, ok := s.top.(*member)
	if !ok || lost.again == nil || s.hearing != hearsAll || s.hangup() != nil {
		s.loseHandler(ErrHandlerStopped)
		return
	}
	marks := s.credit.marks
	s.credit = credit{since: s.rt.now()}
	s.onHold = false
	lost.detach(s)
	s.rt.shared.join(s, to, lost.again)
	s.top.deliver(s, lost.again.Again(false))
	for _, m := range marks { // nobody else answers them
		if m.event != nil {
			s.pipeline.Up(m.event)
		}
	}
	s.resume()
}
