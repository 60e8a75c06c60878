package dispatch

import (
	"runtime"
	"slices"
	"time"
)

const (
	tick   = time.Millisecond       // between two looks while there is work
	linger = 200 * time.Millisecond // how long a parked worker waits for work
	calm   = 8                      // looks that did not make it larger before maxActive shrinks
)

// watch finds the workers that are stuck in a turn. It is a timer that runs only while the dispatcher has workers.
type watch struct {
	timer *time.Timer
	every time.Duration // 0: the timer is off
	calm  int
}

// arm makes the next look come within in, unless it comes sooner anyway. The dispatcher's lock must be held.
func (w *watch) arm(d *Dispatcher, in time.Duration) {
	switch {
	case w.timer == nil:
		w.timer = time.AfterFunc(in, d.look)
	case w.every == 0 || in < w.every:
		w.timer.Reset(in)
	default:
		return
	}
	w.every = in
}

// look finds turns that last too long. It asks a turn that it sees for the second time to end after the present message, and writes
// off the worker of one that it sees for the third: a single look that comes late, because the process was not running, proves
// nothing.
func (d *Dispatcher) look() {
	d.mu.Lock()
	stuck := 0
	for i := len(d.active) - 1; i >= 0; i-- {
		w := d.active[i]
		if w.turn == nil {
			continue
		}
		w.strikes++
		m, _ := w.turn.(*Mailbox)
		if w.strikes == 2 && m != nil {
			m.yieldRequested.Store(true)
		}
		if w.strikes > 2 {
			stuck++
			d.dismiss(w)
			if m != nil {
				m.penalty.accuse()
			}
		}
	}
	d.resize(2*stuck >= d.maxActive)
	now := time.Now()
	gone := d.retire(now)
	next := d.hire()
	d.watch.every = 0
	if len(d.active) > 0 {
		d.watch.arm(d, tick)
	} else if len(d.parked) > 0 {
		d.watch.arm(d, linger-now.Sub(d.parked[0].since))
	}
	d.mu.Unlock()
	next.wake()
	dismissAll(gone)
}

// dismissAll has workers that were parked leave.
func dismissAll(gone []*worker) {
	for _, w := range gone {
		close(w.woken)
	}
}

// resize doubles maxActive when half of it is stuck, so that many blockers cost a few looks rather than one for every few of them.
// Half, not all: not every worker began in time for the same look.
func (d *Dispatcher) resize(stuck bool) {
	floor := runtime.GOMAXPROCS(0)
	if stuck {
		d.maxActive, d.watch.calm = 2*d.maxActive, 0
		return
	}
	if d.watch.calm++; d.watch.calm >= calm || len(d.active) == 0 {
		d.maxActive, d.watch.calm = d.maxActive/2, 0
	}
	d.maxActive = max(d.maxActive, floor)
}

// retire removes the workers that have been parked for too long.
func (d *Dispatcher) retire(now time.Time) (gone []*worker) {
	n := 0
	for n < len(d.parked) && now.Sub(d.parked[n].since) >= linger {
		n++
	}
	gone = slices.Clone(d.parked[:n])
	d.parked = slices.Delete(d.parked, 0, n)
	return gone
}
