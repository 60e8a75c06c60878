package dispatch

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spindrift-go/spindrift/internal/lock"
)

// groupWidth is how many cores share a group: few enough that its lock and its counts cost nothing to speak of.
const groupWidth = 8

// group is up to eight lanes, and the workers that drain them. While all of its lanes have workers, none takes its lock.
//
// No turn may be overlooked: whoever adds one to a lane calls hire afterwards, which does nothing while somebody seeks; whoever stops
// seeking calls recheck afterwards.
type group struct {
	dispatcher *Dispatcher
	number     int                     // its place among the dispatcher's
	lanes      atomic.Pointer[[]*lane] // replaced, not changed

	_       cacheLine
	seeking atomic.Int32 // workers that look for a turn, or have been woken and not begun
	idle    atomic.Int32 // len(free)

	_      cacheLine
	mu     lock.Shared
	free   []*lane   // those without a worker
	parked []*worker // last in, first out: the warmest stack, and the bottom tells how many are too many
	live   int       // goroutines, parked or not
	watch  watch
}

func newGroup(d *Dispatcher, number int) *group {
	g := &group{dispatcher: d, number: number}
	g.lanes.Store(new([]*lane))
	g.mu.Lock()
	g.setWidth(d.width())
	g.mu.Unlock()
	return g
}

// width is how many lanes each group should have.
func (d *Dispatcher) width() int { return (runtime.GOMAXPROCS(0) + len(d.groups) - 1) / len(d.groups) }

// any is one of the lanes.
func (g *group) any() *lane {
	lanes := *g.lanes.Load()
	return lanes[rand.IntN(len(lanes))]
}

// hire makes one more worker active, in l if that is free, unless all lanes have one. If another is on its way it does nothing:
// workers are hired one at a time, and each hires the next when it has found a turn and sees more, so that a single turn does not wake
// every core.
func (g *group) hire(l *lane) {
	if g.seeking.Load() > 0 || g.idle.Load() == 0 {
		return
	}
	g.mu.Lock()
	if g.seeking.Load() > 0 || len(g.free) == 0 {
		g.mu.Unlock()
		return
	}
	if l == nil || l.free < 0 {
		l = g.free[len(g.free)-1]
	}
	w := g.engage()
	g.occupy(l, w)
	w.seeking = true
	g.seeking.Add(1)
	g.watch.arm(g, tick)
	g.mu.Unlock()
	w.wake()
}

// recheck hires if a turn waits that was added while the caller was seeking.
func (g *group) recheck() {
	if g.idle.Load() == 0 {
		return
	}
	for _, l := range *g.lanes.Load() {
		if l.waits() {
			g.hire(l)
			return
		}
	}
}

// dedicate gives a mailbox that has blocked a worker lately a goroutine of its own.
func (g *group) dedicate(m *Mailbox) {
	g.mu.Lock()
	w := g.engage()
	g.mu.Unlock()
	w.dedicated = m
	w.wake()
}

// engage takes a parked worker, or a new one. The lock must be held.
func (g *group) engage() *worker {
	last := len(g.parked) - 1
	if last < 0 {
		g.live++
		return &worker{group: g, woken: make(chan struct{}, 1)}
	}
	w := g.parked[last]
	g.parked[last] = nil
	g.parked = g.parked[:last]
	return w
}

// park makes a worker that has nothing to do wait, or leave. It returns false, and has done nothing, if something has come into the
// worker's lane meanwhile.
func (g *group) park(w *worker) bool {
	g.mu.Lock()
	if l := w.lane; l != nil {
		l.mu.Lock()
		if l.worker == w {
			if l.waits() {
				l.mu.Unlock()
				g.mu.Unlock()
				return false
			}
			g.vacate(l)
		}
		l.mu.Unlock()
		w.lane = nil
	}
	seeking := w.seeking
	w.seeking = false
	if g.dispatcher.keeps.Load() > 0 {
		w.since = time.Now()
		g.parked = append(g.parked, w)
		g.watch.arm(g, linger)
	} else {
		close(w.woken) // nobody else knows it now
	}
	g.mu.Unlock()
	if seeking {
		g.seeking.Add(-1)
	}
	g.recheck()
	return true
}

// occupy gives a free lane to w. The group's lock must be held.
func (g *group) occupy(l *lane, w *worker) {
	g.unlist(l)
	w.lane = l
	l.mu.Lock()
	l.worker = w
	l.mu.Unlock()
}

// unlist takes l from the free lanes.
func (g *group) unlist(l *lane) {
	last := g.free[len(g.free)-1]
	g.free[l.free], last.free = last, l.free
	g.free = slices.Delete(g.free, len(g.free)-1, len(g.free))
	l.free = -1
	g.idle.Store(int32(len(g.free)))
}

// vacate takes l from its worker. Both locks must be held.
func (g *group) vacate(l *lane) {
	l.worker, l.looks = nil, 0
	l.ready.free() // if it is empty
	if l.retired {
		return
	}
	l.free = len(g.free)
	g.free = append(g.free, l)
	g.idle.Store(int32(len(g.free)))
}

// setWidth changes the number of lanes. What waits in those that go moves to the first; the worker of one that has a turn leaves it at
// its end. The lock must be held.
func (g *group) setWidth(width int) {
	lanes := *g.lanes.Load()
	if len(lanes) == width {
		return
	}
	for lanes = slices.Clone(lanes); len(lanes) < width; {
		l := &lane{group: g, free: -1}
		g.vacate(l)
		lanes = append(lanes, l)
	}
	rest := lanes[width:]
	lanes = slices.Clip(lanes[:width])
	g.lanes.Store(&lanes)
	for _, l := range rest {
		if l.free >= 0 {
			g.unlist(l)
		}
		for _, turn := range l.retire() {
			lanes[0].mu.Lock()
			lanes[0].ready.push(turn)
			lanes[0].mu.Unlock()
		}
	}
}

// retire closes the lane, and returns what waited in it.
func (l *lane) retire() (rest []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.retired = true
	for turn, ok := l.ready.pop(); ok; turn, ok = l.ready.pop() {
		rest = append(rest, turn)
	}
	l.ready.free()
	return rest
}

// dismissParked has the workers leave that wait.
func (g *group) dismissParked() {
	g.mu.Lock()
	gone := g.parked
	g.parked = nil
	g.mu.Unlock()
	dismissAll(gone)
}
