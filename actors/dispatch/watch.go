package dispatch

import (
	"slices"
	"time"
)

const (
	tick      = time.Millisecond       // between two looks while there is work
	linger    = 200 * time.Millisecond // how long a parked worker waits for work
	calmLooks = 8                      // looks that did not make the group wider before it becomes narrower
)

// watch finds the workers of a group that are stuck in a turn. It is a timer that runs only while the group has workers.
type watch struct {
	timer *time.Timer
	every time.Duration // 0: the timer is off
	calm  int           // looks in a row that did not make the group wider
}

// arm makes the next look come within in, unless it comes sooner anyway. The group's lock must be held.
func (w *watch) arm(g *group, in time.Duration) {
	switch {
	case w.timer == nil:
		w.timer = time.AfterFunc(in, g.look)
	case w.every == 0 || in < w.every:
		w.timer.Reset(in)
	default:
		return
	}
	w.every = in
}

// look finds turns that last too long. It asks a turn that it sees for the second time to end after the present message, and takes the
// lane from the worker of one that it sees for the third: a single look that comes late, because the process was not running, proves
// nothing.
func (g *group) look() {
	g.mu.Lock()
	lanes := *g.lanes.Load()
	active, stuck := len(lanes)-len(g.free), 0
	for _, l := range lanes {
		l.mu.Lock()
		if l.running() && g.countLook(l) {
			stuck++
		}
		l.mu.Unlock()
	}
	g.resize(2*stuck >= len(lanes), active > stuck)
	now := time.Now()
	gone := g.retire(now)
	g.watch.every = 0
	if len(*g.lanes.Load()) > len(g.free) {
		g.watch.arm(g, tick)
	} else if len(g.parked) > 0 {
		g.watch.arm(g, linger-now.Sub(g.parked[0].since))
	}
	g.mu.Unlock()
	dismissAll(gone)
	g.recheck()
	g.askForHelp()
}

// countLook counts a look at the turn of l's worker, and reports whether that is stuck: then it takes the lane away. Both locks must be held.
func (g *group) countLook(l *lane) (stuck bool) {
	l.looks++
	m, _ := l.worker.turn.(*Mailbox)
	switch {
	case l.looks == 2 && m != nil:
		m.penalty().requestYield()
	case l.looks > 2:
		if m != nil {
			m.penalty().turnIsStuck()
		}
		g.vacate(l)
		return true
	}
	return false
}

// askForHelp hires in another group if turns wait here, no lane is free, and one is there.
func (g *group) askForHelp() {
	if g.idle.Load() > 0 || !slices.ContainsFunc(*g.lanes.Load(), (*lane).waits) {
		return
	}
	for _, other := range g.dispatcher.groups {
		if other.idle.Load() > 0 {
			other.hire(nil)
			return
		}
	}
}

// dismissAll has workers that were parked leave.
func dismissAll(gone []*worker) {
	for _, w := range gone {
		close(w.woken)
	}
}

// resize doubles the group's width when half of it is stuck, so that many blockers cost a few looks rather than one for every few of
// them. Half, not all: not every worker began in time for the same look. It becomes as wide as it was when all is calm.
func (g *group) resize(stuck, active bool) {
	width := len(*g.lanes.Load())
	if stuck {
		g.watch.calm = 0
		g.setWidth(2 * width)
		return
	}
	if g.watch.calm++; g.watch.calm >= calmLooks || !active {
		g.watch.calm = 0
		width /= 2
	}
	g.setWidth(max(width, g.dispatcher.width()))
}

// retire removes the workers that have been parked for too long.
func (g *group) retire(now time.Time) (gone []*worker) {
	n := 0
	for n < len(g.parked) && now.Sub(g.parked[n].since) >= linger {
		n++
	}
	gone = slices.Clone(g.parked[:n])
	g.parked = slices.Delete(g.parked, 0, n)
	return gone
}
