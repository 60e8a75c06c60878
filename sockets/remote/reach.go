package remote

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/sockets"
)

// Connect waits for a link to the node at addr, "host:port". There is no need to call it: an
// upgrade or a message makes a link as well.
func (n *Node) Connect(ctx context.Context, addr string) error {
	if ctx == nil {
		return sockets.ErrNilContext
	}
	l, err := n.peer(hostPort(addr)).connect(ctx)
	if err != nil {
		return fmt.Errorf("remote: %w", err)
	}
	if !bare(addr) && l.remote != addr {
		return fmt.Errorf("remote: %w", &AwayError{addr, errAnother})
	}
	return nil
}

var (
	errAnother = errors.New("another node has its place now")
	errLeaving = errors.New("it leaves and takes no new connections")
)

// Reach makes Node an actors.Nodes.
func (n *Node) Reach(handler *actor.PID, value any) (*actor.PID, error) {
	if hostPort(handler.Address) == n.Addr() {
		if bare(handler.Address) {
			return n.system.NewLocalPID(handler.Id), nil
		}
		return nil, &AwayError{handler.Address, errAnother}
	}
	if _, err := valueOut(value); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), n.config.DialTimeout)
	defer cancel()
	l, err := n.peer(hostPort(handler.Address)).connect(ctx)
	if err != nil {
		return nil, err
	}
	return l.reaches(handler)
}

// reaches returns the PID of handler by this link.
func (l *link) reaches(handler *actor.PID) (*actor.PID, error) {
	l.mu.Lock()
	leaving := l.leaving
	l.mu.Unlock()
	switch {
	case !bare(handler.Address) && l.remote != handler.Address:
		return nil, &AwayError{handler.Address, errAnother}
	case leaving:
		return nil, &AwayError{hostPort(l.remote), errLeaving}
	}
	return actor.NewPID(l.address, handler.Id), nil
}

// another is what Config.Another says, if that can be reached at once.
func (n *Node) another() func(lost *actor.PID) *actor.PID {
	if n.config.Another == nil {
		return nil
	}
	return func(lost *actor.PID) *actor.PID {
		to := n.askAnother(actor.NewPID(hostPort(lost.Address), lost.Id))
		if to == nil || to.Address == n.address {
			return to
		}
		if hostPort(to.Address) == n.Addr() {
			return n.system.NewLocalPID(to.Id)
		}
		if l := n.peer(hostPort(to.Address)).current(); l != nil {
			if pid, err := l.reaches(to); err == nil {
				return pid
			}
		}
		return nil
	}
}

// askAnother is what Config.Another says; nil if it does not return. Its goroutine is its own: a runtime.Goexit would end
// that of the caller, who has more to do.
func (n *Node) askAnother(lost *actor.PID) *actor.PID {
	said := make(chan *actor.PID, 1)
	go func() {
		var to *actor.PID
		var reason any = "runtime.Goexit was called"
		defer func() {
			if p := recover(); p != nil {
				reason = p
			}
			if reason != nil {
				n.complain("Config.Another panicked", "reason", reason, "handler", lost.Id, "stack", string(debug.Stack()))
			}
			said <- to
		}()
		to = n.config.Another(lost)
		reason = nil
	}()
	return <-said
}
