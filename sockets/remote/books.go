package remote

import (
	"github.com/asynkron/protoactor-go/actor"
)

// handled is a handler that is watched. Another of its name may take its place: it is the process that tells.
type handled struct {
	process actor.Process
	conns   int // in all books
}

// entered counts a connection in, and reports whether the node leaves.
func (n *Node) entered(e *entry) (leaving bool) {
	n.mu.Lock()
	n.entries++
	h := n.handlers[e.handler.Id]
	watched := h != nil && h.process == e.to.process
	if !watched {
		h = &handled{process: e.to.process}
		n.handlers[e.handler.Id] = h
	}
	h.conns++
	leaving = n.leaving
	n.mu.Unlock()
	if !watched {
		e.to.process.SendSystemMessage(e.handler, &actor.Watch{Watcher: n.self})
	}
	return leaving
}

// left counts a connection out. Its handler is watched on: it ends some day.
func (n *Node) left(e *entry) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.entries--
	if h := n.handlers[e.handler.Id]; h != nil && h.process == e.to.process {
		h.conns--
	}
	if n.entries == 0 && n.leaving {
		select {
		case n.empty <- struct{}{}:
		default:
		}
	}
}

func (n *Node) forget(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.links, l.name)
}

func (n *Node) link(name string) *link {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.links[name]
}

// allLinks are those that there are.
func (n *Node) allLinks() (all []*link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, l := range n.links {
		all = append(all, l)
	}
	return all
}
