package actors

import (
	"errors"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/internal/linked"
	"github.com/spindrift-go/spindrift/internal/lock"
	"github.com/spindrift-go/spindrift/pipeline"
)

// Group is the upgraded connections of one server, or those of an actor system
// that belong to none. The zero value is empty.
type Group struct {
	mu       lock.Shared
	admitted admission
	first    *stream
	size     int
	coming   int             // about to join
	leaving  *pipeline.Leave // what those who join late are told at once
	cutting  bool            // or that they are cut
	wasCut   int             // of those that have left since, how many had to be cut
	working  int             // have left, and their handlers have not worked through Closed yet
	empty    chan struct{}   // closed when the last has left, if somebody waits for that
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
		s.rt.shutdown.watch(g)
	}
	linked.Add(&g.first, s, inGroup)
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
	linked.Remove(&g.first, s, inGroup)
	g.working++
	if g.leaving != nil && s.turnState != nil && s.outcome != nil &&
		(errors.Is(s.outcome.Err, pipeline.ErrCloseTimeout) || errors.Is(s.outcome.Err, ErrStopped)) {
		g.wasCut++
	}
	if g.size--; g.size == 0 {
		s.rt.shutdown.unwatch(g)
	}
	g.tellEmpty()
}

// settled: the handler of a connection that has left has worked through its Closed, or
// has had its time for that.
func (g *Group) settled() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.working--
	g.tellEmpty()
}

// expect makes a drain wait for a connection that is about to join, until arrived.
func (g *Group) expect() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.coming++
}

func (g *Group) arrived() {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.coming--
	g.tellEmpty()
}

// whenEmpty is closed when there is no connection any more, and every Closed was worked
// through.
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
	if g.size+g.coming+g.working == 0 && g.empty != nil {
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

// Member is a connection of a Group.
type Member struct {
	PID   *actor.PID
	Value any // Plan.Value
}

// All are the connections.
func (g *Group) All() []Member {
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]Member, 0, g.size)
	for s := g.first; s != nil; s = s.inGroup.Next {
		all = append(all, Member{s.ctx.Self(), s.origin.valueOf()})
	}
	return all
}

// ValueOf returns the Plan.Value of the connection whose actor pid is, once that has told
// somebody of itself. nil: it has none, or there is no such connection.
func (rt *Runtime) ValueOf(pid *actor.PID) any {
	c, err := rt.Find(pid)
	if err != nil {
		return nil
	}
	return c.conn.origin.valueOf()
}

func (g *Group) members() []*actor.PID {
	all := g.All()
	pids := make([]*actor.PID, len(all))
	for i, m := range all {
		pids[i] = m.PID
	}
	return pids
}

// count is how many had to be cut, and how many are still there or about to come.
func (g *Group) count() (cut, left int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.wasCut, g.size + g.coming
}

// abort closes the sockets of those that are still there. Their turns do not end, so
// nobody else will. It says how many they are, with those that are about to come.
func (g *Group) abort() (stuck int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := g.first; s != nil; s = s.inGroup.Next {
		s.transport.Abort()
	}
	return g.size + g.coming
}

func inGroup(s *stream) *linked.Links[stream] { return &s.inGroup }
