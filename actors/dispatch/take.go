package dispatch

import (
	"math/rand/v2"
	"runtime"
	"time"
)

// take ends the worker's turn and finds it the next: the oldest of its lane, or one of another lane. Without one, or without a lane,
// it is parked and must wait to be woken, or it is told to leave.
func (w *worker) take() bool {
	for {
		turn, surplus := w.pop()
		if turn == nil && w.yield() {
			turn, surplus = w.pop()
		}
		if turn == nil {
			turn, surplus = w.steal()
		}
		if turn != nil {
			w.found(turn, surplus)
			return true
		}
		if w.group.park(w) {
			return false
		}
	}
}

// skippedYields is how often a worker does not yield after it had to wait long for a core.
const skippedYields = 64

// yield has a worker whose lane is empty let other goroutines go first. What those post that its turns have woken, sessions for
// instance, then waits in the lane when it looks again, where the first of them would have to wake it: with a hundred sessions on one
// core that is 13 % of an echo's CPU time (make bench ROWS=echo64). It does so only while every core has a worker: a core without
// work would be woken to take this one over.
func (w *worker) yield() (yielded bool) {
	if w.lane == nil || w.group.idle.Load() > 0 {
		return false
	}
	if w.yieldsToSkip > 0 {
		w.yieldsToSkip--
		return false
	}
	began := time.Now()
	runtime.Gosched()
	if time.Since(began) >= tick { // somebody computes: turns must not wait for that each time
		w.yieldsToSkip = skippedYields
	}
	return true
}

// pop takes the oldest turn of the worker's lane.
func (w *worker) pop() (turn any, surplus bool) {
	l := w.lane
	if l == nil {
		w.turn = nil
		return nil, false
	}
	l.mu.Lock()
	w.turn = nil
	if l.ahead == turnsAhead { // nothing has come: a goroutine was woken, if not an actor that waits already
		l.ahead--
		l.mu.Unlock()
		w.yield()
		l.mu.Lock()
	}
	if l.worker == w {
		l.looks = 0
		turn, _ = l.ready.pop()
		w.turn, surplus = turn, l.waits()
	}
	if l.worker != w || l.retired && turn == nil { // it is another's, or nobody's
		w.lane = nil
	}
	l.mu.Unlock()
	return turn, surplus
}

// steal takes half of what waits in another lane, and puts it into the worker's. At most half of the active workers look for that at
// the same time. Another group's lanes come after its own's.
func (w *worker) steal() (turn any, surplus bool) {
	g := w.group
	if w.lane == nil {
		return nil, false
	}
	if !w.seeking {
		if active := len(*g.lanes.Load()) - int(g.idle.Load()); 2*int(g.seeking.Load()) >= active {
			return nil, false
		}
		w.seeking = true
		g.seeking.Add(1)
	}
	if turn, surplus = w.stealFrom(g); turn != nil {
		return turn, surplus
	}
	for _, other := range g.dispatcher.groups {
		if other == g {
			continue
		}
		if turn, surplus = w.stealFrom(other); turn != nil {
			return turn, surplus
		}
	}
	return nil, false
}

func (w *worker) stealFrom(g *group) (turn any, surplus bool) {
	lanes := *g.lanes.Load()
	start := rand.IntN(len(lanes))
	for i := range lanes {
		l := lanes[(start+i)%len(lanes)]
		if l == w.lane || !l.waits() {
			continue
		}
		var turns [maxSteal]any
		if n, more := l.takeHalf(&turns); n > 0 {
			w.accept(turns[:n])
			return turns[0], more || n > 1
		}
	}
	return nil, false
}

// accept begins the first of the stolen turns, and queues the others.
func (w *worker) accept(turns []any) {
	l := w.lane
	l.mu.Lock()
	w.turn = turns[0]
	if !l.retired && l.worker == w {
		for _, turn := range turns[1:] {
			l.ready.push(turn)
		}
		turns = nil
	}
	l.mu.Unlock()
	if turns != nil {
		for _, turn := range turns[1:] {
			l.enqueue(turn)
		}
	}
}
