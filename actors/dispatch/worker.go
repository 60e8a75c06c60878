package dispatch

import (
	"context"
	"math/rand/v2"
	"runtime"
	"runtime/pprof"
	"time"
)

// worker is a goroutine of a group's. Its fields are its own, but while it is parked: whoever wakes it sets them.
type worker struct {
	group     *group
	woken     chan struct{} // closed: leave
	begun     bool          // it has a goroutine
	lane      *lane         // what it drains, if the lane says so too: the watch may have taken it away
	seeking   bool          // it is counted among those
	dedicated *Mailbox      // run this one's turns, rather than a lane's
	turn      any           // what it runs now; set under the lane's lock, for the watch
	turns     uint          // how many it has run
	since     time.Time     // when it was parked
}

// wake sets a worker to work.
func (w *worker) wake() {
	if w.begun {
		w.woken <- struct{}{}
		return
	}
	w.begun = true
	go w.work()
}

// unlabel takes back what a turn has labelled its goroutine with for the profiler, so that no other is counted as its. A goroutine
// also inherits labels from who starts it, in somebody's turn. It costs 20 ns a turn (BenchmarkUnlabel).
func unlabel() { pprof.SetGoroutineLabels(context.Background()) }

func (w *worker) work() {
	defer w.leave()
	unlabel()
	for ok := true; ok; _, ok = <-w.woken {
		w.runDedicated()
		for w.take() {
			switch turn := w.turn.(type) {
			case *Mailbox:
				more := turn.run(turnBudget)
				unlabel()
				if more {
					w.again(turn)
					runtime.Gosched() // the watch's timer wants a core too
				}
			case job:
				turn()
				unlabel()
			}
		}
	}
}

// take ends the worker's turn and finds it the next: the oldest of its lane, or one of another lane. Without one, or without a lane,
// it is parked and must wait to be woken, or it is told to leave.
func (w *worker) take() bool {
	for {
		turn, surplus := w.pop()
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

// pop takes the oldest turn of the worker's lane.
func (w *worker) pop() (turn any, surplus bool) {
	l := w.lane
	if l == nil {
		w.turn = nil
		return nil, false
	}
	l.mu.Lock()
	w.turn = nil
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

// found is what a worker does with a turn before it runs it.
func (w *worker) found(turn any, surplus bool) {
	g := w.group
	if w.seeking {
		w.seeking = false
		g.seeking.Add(-1)
		g.recheck()
	} else if surplus {
		g.hire(nil)
	}
	if w.turns++; w.turns%sampleEvery == 1 {
		g.dispatcher.isHere(w.lane)
	}
	if m, ok := turn.(*Mailbox); ok && m.home.Load() != w.lane {
		m.home.Store(w.lane)
	}
}

// again ends the turn of a mailbox that needs another. The worker has no turn then, so that the watch does not blame it for waiting.
func (w *worker) again(m *Mailbox) {
	l := w.lane
	l.mu.Lock()
	w.turn = nil
	mine := l.worker == w && !l.retired && m.penalty().owed() == 0
	if mine {
		l.ready.push(m)
	}
	l.mu.Unlock()
	if !mine {
		m.dispatcher.enqueue(m)
	}
}

// runDedicated runs the turns of a mailbox that has blocked a worker, one message each, until it is empty or forgiven.
func (w *worker) runDedicated() {
	m := w.dedicated
	if m == nil {
		return
	}
	w.turn, w.dedicated = m, nil
	defer unlabel()
	for more := true; more; {
		began := time.Now()
		more = m.run(1) // another may have it if not
		if m.penalty().turnTook(time.Since(began)) && more {
			m.dispatcher.enqueue(m)
			break
		}
	}
}

// leave is the end of the goroutine. It was dismissed, or its turn has called runtime.Goexit: then the mailbox goes on elsewhere.
func (w *worker) leave() {
	g := w.group
	g.mu.Lock()
	g.live--
	if l := w.lane; l != nil {
		l.mu.Lock()
		if l.worker == w {
			g.vacate(l)
		}
		l.mu.Unlock()
	}
	g.mu.Unlock()
	if m, ok := w.turn.(*Mailbox); ok {
		m.dispatcher.enqueue(m)
	}
	g.recheck()
}
