package dispatch

import (
	"container/heap"
	"time"

	"github.com/spindrift-go/spindrift/internal/lock"
)

// Due is the signal of a mailbox whose deadline has passed.
const Due uint32 = 1 << 31

// granularity is what deadlines are rounded up to, so that thousands of them share few wake-ups.
const granularity = 10 * time.Millisecond

// Deadline is the time at which a mailbox wants to be signalled. The zero value is not set, and belongs to nobody until Init.
type Deadline struct {
	mailbox *Mailbox
	at      time.Duration // on the clock of Deadlines
	index   int           // in the heap, from 1; 0: not set
}

// Init says whose deadline it is.
func (x *Deadline) Init(m *Mailbox) { x.mailbox = m }

// Deadlines signals Due to mailboxes whose deadlines have passed. All deadlines share one timer, which runs only while there are any.
type Deadlines struct {
	epoch time.Time
	mu    lock.Shared
	heap  byTime
	timer *time.Timer
	next  time.Duration // what the timer is set to; 0: not set
}

// NewDeadlines returns an empty set. Its clock starts at 0.
func NewDeadlines() *Deadlines { return &Deadlines{epoch: time.Now()} }

// Now reads the clock: the time since NewDeadlines, in eight bytes and with one reading.
func (t *Deadlines) Now() time.Duration { return time.Since(t.epoch) }

// Time turns a reading of the clock into a point in time.
func (t *Deadlines) Time(at time.Duration) time.Time { return t.epoch.Add(at) }

// Len is the number of deadlines that are set.
func (t *Deadlines) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.heap)
}

// Set moves x to at, rounded up to 10 ms, or withdraws it if at is 0.
func (t *Deadlines) Set(x *Deadline, at time.Duration) {
	at = (at + granularity - 1) / granularity * granularity
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case at == x.at && x.index > 0:
		return
	case at == 0:
		if x.index > 0 {
			heap.Remove(&t.heap, x.index-1)
		}
	case x.index > 0:
		x.at = at
		heap.Fix(&t.heap, x.index-1)
	default:
		x.at = at
		heap.Push(&t.heap, x)
	}
	t.arm()
}

// arm sets the timer to the earliest deadline. A timer that is too early is left to fire for nothing: most deadlines move to later
// times.
func (t *Deadlines) arm() {
	if len(t.heap) == 0 {
		if t.timer != nil && t.next > 0 {
			t.timer.Stop()
			t.next = 0
		}
		return
	}
	first := t.heap[0].at
	if t.next > 0 && t.next <= first {
		return
	}
	t.next = first
	d := max(first-t.Now(), 0)
	if t.timer == nil {
		t.timer = time.AfterFunc(d, t.expire)
	} else {
		t.timer.Reset(d)
	}
}

func (t *Deadlines) expire() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next = 0
	now := t.Now()
	for len(t.heap) > 0 && t.heap[0].at <= now {
		x := heap.Pop(&t.heap).(*Deadline)
		x.mailbox.Signal(Due)
	}
	t.arm()
}

// byTime is a heap of deadlines, the earliest first.
type byTime []*Deadline

func (h byTime) Len() int           { return len(h) }
func (h byTime) Less(i, j int) bool { return h[i].at < h[j].at }
func (h byTime) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

func (h *byTime) Push(x any) {
	d := x.(*Deadline)
	*h = append(*h, d)
	d.index = len(*h)
}

func (h *byTime) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	d.index = 0
	return d
}
