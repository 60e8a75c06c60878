package actors

import (
	"context"
	"time"

	"github.com/spindrift-go/spindrift/pipeline"
)

// Drained is the result of a Drain.
type Drained struct {
	Asked int // connections that there were
	Cut   int // did not close in their time, or in the context's, and were cut
	Stuck int // of those, have not ended: their turns do not, so only the sockets were closed
}

// Drain asks every connection to leave, batch of them at a time and every apart,
// and waits until all have ended and their handlers have worked through that, or ctx has
// ended; then the rest is cut. A connection whose turn is blocked by code of the program
// is not waited for: its socket is closed and it counts as stuck.
func (rt *Runtime) Drain(ctx context.Context, g *Group, leave *pipeline.Leave, batch int, every time.Duration) Drained {
	before, _ := g.count()
	members := g.ask(leave)
	empty := g.whenEmpty()
	d := Drained{Asked: len(members)}
	for len(members) > 0 {
		n := min(max(batch, 1), len(members))
		for _, pid := range members[:n] {
			rt.root.Send(pid, leave)
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
	case <-ctx.Done():
		for _, pid := range g.cut() {
			rt.root.Stop(pid)
		}
		if !g.awaitEnds(empty) {
			d.Stuck = g.abort()
		}
	}
	after, _ := g.count()
	d.Cut = after - before + d.Stuck
	return d
}

// grace is how long connections that were cut may take until one more has ended: a turn
// that is not blocked needs microseconds, and the machine may be busy.
const grace = 500 * time.Millisecond

// awaitEnds waits as long as connections go on ending, with no more than grace between two of them. It reports
// whether all have ended.
func (g *Group) awaitEnds(empty <-chan struct{}) bool {
	const step = 10 * time.Millisecond
	t := time.NewTicker(step)
	defer t.Stop()
	_, left := g.count()
	for quiet := time.Duration(0); quiet < grace; quiet += step {
		select {
		case <-empty:
			return true
		case <-t.C:
		}
		_, now := g.count()
		if now == 0 {
			return true
		}
		if now < left {
			left, quiet = now, 0
		}
	}
	return false
}
