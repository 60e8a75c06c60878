package remote

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/sockets"
)

// Shutdown leaves: other nodes bring no new connections, those whose handlers are here are asked to
// close, with 1012, and waited for as long as ctx lasts, and what was sent before has arrived, and been
// worked through by the handlers here, when it returns. Of what is left then, handlers and connections are told that the link is lost. Shut down the
// servers before it: then the connections of this node have ended, and their handlers on other nodes
// have been told.
func (n *Node) Shutdown(ctx context.Context) error {
	if ctx == nil {
		return sockets.ErrNilContext
	}
	n.mu.Lock()
	first := !n.leaving
	n.leaving = true
	left := n.entries
	n.mu.Unlock()
	if !first {
		return errors.New("remote: Shutdown was called already")
	}
	for _, l := range n.allLinks() {
		l.leaveAll()
	}
	for left > 0 && ctx.Err() == nil {
		select {
		case <-n.empty:
		case <-ctx.Done():
		}
		n.mu.Lock()
		left = n.entries
		n.mu.Unlock()
	}
	n.workedThrough(ctx)
	for _, l := range n.allLinks() {
		l.flush(ctx)
	}
	n.close()
	if left > 0 {
		return fmt.Errorf("remote: %d connections were left: %w", left, context.Cause(ctx))
	}
	return nil
}

// Close ends all links at once. Handlers and connections are told that they are lost. It waits for what the node is at: a subscriber
// of the event stream, which is called in the middle of that, calls it on a goroutine of its own.
func (n *Node) Close() {
	n.mu.Lock()
	n.leaving = true
	n.mu.Unlock()
	n.close()
}

// workedThrough waits until the handlers here have worked through what they were told.
func (n *Node) workedThrough(ctx context.Context) {
	n.mu.Lock()
	ids := slices.Collect(maps.Keys(n.handlers))
	n.mu.Unlock()
	var touched []*actor.Future
	for _, id := range ids {
		touched = append(touched, n.system.Root.RequestFuture(n.system.NewLocalPID(id), &actor.Touch{}, -1))
	}
	defer context.AfterFunc(ctx, func() { // for handlers that never answer
		for _, t := range touched {
			p, _ := n.system.ProcessRegistry.GetLocal(t.PID().Id)
			p.Stop(t.PID())
		}
	})()
	for _, t := range touched {
		t.Wait() // it fails if the handler has stopped
	}
}

// leaveAll asks the connections whose handlers are here for their end.
func (l *link) leaveAll() {
	if !l.isOpen() {
		return
	}
	l.post(&outgoing{kind: kindLeaving})
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range l.books {
		l.leave(e)
	}
}

// flush waits until all that was sent has arrived, and then says good-bye.
func (l *link) flush(ctx context.Context) {
	if !l.isOpen() {
		return
	}
	arrived := make(chan struct{})
	l.ping(arrived)
	select {
	case <-arrived:
	case <-l.lost:
	case <-ctx.Done():
		return
	}
	l.post(&outgoing{kind: kindBye})
	timer := time.NewTimer(l.node.config.Heartbeat)
	defer timer.Stop()
	select {
	case <-l.lost: // the other node ends it
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (n *Node) close() {
	n.mu.Lock()
	if n.stopped {
		n.mu.Unlock()
		return
	}
	n.stopped = true
	n.mu.Unlock()
	close(n.stop)
	for _, l := range n.allLinks() {
		l.sever(errStopped)
	}
	n.work.Wait()
	n.release()
	n.shutting.Lock()
	n.shut = true
	n.shutting.Unlock()
	if !n.stopCarrier() {
		n.remote.Shutdown(false)
	}
}

// stopCarrier stops proto.actor's remote. It may send on a channel that a stream which ends has closed.
func (n *Node) stopCarrier() (done bool) {
	defer func() { recover() }()
	n.remote.Shutdown(true)
	return true
}
