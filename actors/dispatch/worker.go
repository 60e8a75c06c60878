package dispatch

import (
	"context"
	"runtime"
	"runtime/pprof"
	"time"
)

// worker is a goroutine of a group's. Its fields are its own, but while it is parked: whoever wakes it sets them.
type worker struct {
	group        *group
	woken        chan struct{} // closed: leave
	begun        bool          // it has a goroutine
	lane         *lane         // what it drains, if the lane says so too: the watch may have taken it away
	seeking      bool          // it is counted among those
	dedicated    *Mailbox      // run this one's turns, rather than a lane's
	turn         any           // what it runs now; set under the lane's lock, for the watch
	turns        uint          // how many it has run
	yieldsToSkip uint8         // after it had to wait long for a core
	since        time.Time     // when it was parked
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
