package actors

import (
	"container/heap"
	"sync"
	"time"
)

// coarse is what deadlines are rounded up to, so that thousands of them share
// few wakings.
const coarse = 10 * time.Millisecond

// alarm is a connection's place on the wheel: one deadline, the earliest it has.
// The zero alarm is not set.
type alarm struct {
	mailbox *Mailbox
	at      time.Duration // since the wheel's epoch
	place   int           // in the heap, from 1; 0: not set
}

// wheel signals mailboxes when their alarms are due, with one timer of Go's for
// all of them.
type wheel struct {
	epoch time.Time
	mu    sync.Mutex
	due   alarms
	timer *time.Timer
	next  time.Duration // what the timer is set to; 0: not set
}

func newWheel() *wheel { return &wheel{epoch: time.Now()} }

func (w *wheel) now() time.Duration { return time.Since(w.epoch) }

func (w *wheel) time(at time.Duration) time.Time { return w.epoch.Add(at) }

// set moves a to at, or takes it off when at is 0.
func (w *wheel) set(a *alarm, at time.Duration) {
	at = (at + coarse - 1) / coarse * coarse
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case at == a.at && a.place > 0:
		return
	case at == 0:
		if a.place > 0 {
			heap.Remove(&w.due, a.place-1)
		}
	case a.place > 0:
		a.at = at
		heap.Fix(&w.due, a.place-1)
	default:
		a.at = at
		heap.Push(&w.due, a)
	}
	w.wind()
}

// wind sets the timer to the earliest alarm. A timer that is early is left to
// fire for nothing: most alarms move to later times.
func (w *wheel) wind() {
	if len(w.due) == 0 {
		if w.timer != nil && w.next > 0 {
			w.timer.Stop()
			w.next = 0
		}
		return
	}
	first := w.due[0].at
	if w.next > 0 && w.next <= first {
		return
	}
	w.next = first
	d := max(first-w.now(), 0)
	if w.timer == nil {
		w.timer = time.AfterFunc(d, w.ring)
	} else {
		w.timer.Reset(d)
	}
}

func (w *wheel) ring() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next = 0
	now := w.now()
	for len(w.due) > 0 && w.due[0].at <= now {
		a := heap.Pop(&w.due).(*alarm)
		a.mailbox.Signal(due)
	}
	w.wind()
}

// alarms is a heap by time.
type alarms []*alarm

func (h alarms) Len() int           { return len(h) }
func (h alarms) Less(i, j int) bool { return h[i].at < h[j].at }
func (h alarms) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i+1, j+1
}

func (h *alarms) Push(x any) {
	a := x.(*alarm)
	*h = append(*h, a)
	a.place = len(*h)
}

func (h *alarms) Pop() any {
	last := len(*h) - 1
	a := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	a.place = 0
	return a
}
