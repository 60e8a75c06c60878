package actors

import (
	"github.com/asynkron/protoactor-go/actor"
)

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
func (rt *Runtime) SetNodes(n Nodes) {
	rt.nodes = n
	rt.handlers.SetDistributed(n != nil)
}

// Nodes returns who reaches other nodes; nil: nobody does.
func (rt *Runtime) Nodes() Nodes { return rt.nodes }

// NodeLost tells the connections whose handlers are at address that they cannot be heard any
// more. Where another returns a handler for one, that takes its place; another may be nil.
func (rt *Runtime) NodeLost(address string, err error, another func(lost *actor.PID) *actor.PID) {
	rt.handlers.NodeLost(address, err, another)
}

// HandlerPanicked is what a supervisor on another node has decided about a handler's panic.
func (rt *Runtime) HandlerPanicked(handler *actor.PID, decided actor.Directive, reason any) {
	rt.published(&actor.SupervisorEvent{Child: handler, Reason: reason, Directive: decided})
}
