package actors

import (
	"context"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
)

// Group is the upgraded connections of one server, or those of an actor system
// that belong to none. The zero value is empty.
type Group struct {
	mu      sync.Mutex
	tickets tickets
	first   *stream
	size    int
	coming  int             // about to join
	leaving *pipeline.Leave // what those who join late are told at once
	cutting bool            // or that they are cut
	empty   chan struct{}   // closed when the last has left, if somebody waits for that
}

// Len is the number of connections.
func (g *Group) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.size
}

func (g *Group) join(s *stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.size == 0 {
		s.rt.sentinel.watch(g)
	}
	if s.next = g.first; s.next != nil {
		s.next.prev = s
	}
	g.first = s
	g.size++
	switch {
	case g.cutting:
		s.ctx.Stop(s.ctx.Self())
	case g.leaving != nil:
		s.ctx.Send(s.ctx.Self(), g.leaving)
	}
}

func (g *Group) leave(s *stream) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s.prev != nil {
		s.prev.next = s.next
	} else {
		g.first = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.next, s.prev = nil, nil
	if g.size--; g.size == 0 {
		s.rt.sentinel.forget(g)
	}
	g.tellEmpty()
}

// hold keeps a drain waiting for a connection that is about to join, until letGo.
func (g *Group) hold() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.coming++
}

func (g *Group) letGo() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.coming--
	g.tellEmpty()
}

// whenEmpty is closed when there is no connection any more.
func (g *Group) whenEmpty() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.empty == nil {
		g.empty = make(chan struct{})
	}
	empty := g.empty
	g.tellEmpty()
	return empty
}

func (g *Group) tellEmpty() {
	if g.size+g.coming == 0 && g.empty != nil {
		close(g.empty)
		g.empty = nil
	}
}

// ask has those who join from now on leave at once. It returns who is there.
func (g *Group) ask(leave *pipeline.Leave) []*actor.PID {
	g.mu.Lock()
	g.leaving = leave
	g.mu.Unlock()
	return g.members()
}

// cut has those who join from now on cut. It returns who is there.
func (g *Group) cut() []*actor.PID {
	g.mu.Lock()
	g.cutting = true
	g.mu.Unlock()
	return g.members()
}

func (g *Group) members() []*actor.PID {
	g.mu.Lock()
	defer g.mu.Unlock()
	pids := make([]*actor.PID, 0, g.size)
	for s := g.first; s != nil; s = s.next {
		pids = append(pids, s.ctx.Self())
	}
	return pids
}

// of is the connections of a handler.
func (g *Group) of(handler *actor.PID) (pids []*actor.PID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := g.first; s != nil; s = s.next {
		if s.handler.Equal(handler) {
			pids = append(pids, s.ctx.Self())
		}
	}
	return pids
}

// Drain asks every connection to leave, batch of them at a time and every apart,
// and waits until all have ended or ctx has; then the rest is cut. It returns how
// many there were and how many had to be cut.
func (rt *Runtime) Drain(ctx context.Context, g *Group, leave *pipeline.Leave, batch int, every time.Duration) (asked, cut int) {
	members := g.ask(leave)
	empty := g.whenEmpty()
	asked = len(members)
	for len(members) > 0 {
		n := min(max(batch, 1), len(members))
		for _, pid := range members[:n] {
			rt.system.Root.Send(pid, leave)
		}
		if members = members[n:]; len(members) == 0 {
			break
		}
		t := time.NewTimer(every)
		select {
		case <-t.C:
		case <-empty:
			members = nil
		case <-ctx.Done():
			members = nil
		}
		t.Stop()
	}
	select {
	case <-empty:
		return asked, 0
	case <-ctx.Done():
	}
	for _, pid := range g.cut() {
		rt.system.Root.Stop(pid)
		cut++
	}
	<-empty
	return asked, cut
}
