package actors

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Crew runs actors' turns: at most GOMAXPROCS workers drain one queue of ready mailboxes. A goroutine for each burst would grow its
// stack anew every time, and one for each ready actor would touch thousands of cold stacks; a crew's few stay warm.
//
// A handler may block. It then delays the others once, for 2 to 3 ms: the watch replaces its worker and marks the mailbox, whose
// later turns run on goroutines of their own until it has been quick for a while.
type Crew struct {
	mu     sync.Mutex
	ready  queue     // turns that wait for a worker: *Mailbox or job
	active []*worker // those that drain ready
	parked []*worker // last in, first out: the warmest stack, and the bottom tells how many are too many
	hiring *worker   // the active one that has not begun yet: it hires the next if there is need
	room   int       // how many may be active
	live   int       // goroutines, parked or not
	watch  watch
}

var _ actor.Dispatcher = (*Crew)(nil)

// job is the turn of a mailbox that is not ours.
type job func()

// worker is a goroutine of the crew's. Its fields are under the crew's lock while it is active or parked, its own otherwise.
type worker struct {
	crew    *Crew
	wake    chan struct{} // closed: leave
	begun   bool          // it has a goroutine
	errand  *Mailbox      // run this one's turns, rather than the queue's
	turn    any           // what it runs now
	strikes int           // looks of the watch that found it in this turn
	at      int           // its place among the active, or -1
	since   time.Time     // when it was parked
}

// NewCrew returns a crew without workers. They come with the work, and leave when there has been none for a while.
func NewCrew() *Crew {
	return &Crew{room: runtime.GOMAXPROCS(0)}
}

// Mailbox returns a new mailbox whose turns run on the crew, for actor.WithMailbox.
func (c *Crew) Mailbox() actor.Mailbox { return &Mailbox{crew: c} }

// Option makes the actors of some props run on the crew.
func (c *Crew) Option() actor.PropsOption { return actor.WithMailbox(c.Mailbox) }

// Schedule queues a turn of another kind of mailbox, which makes the crew an actor.Dispatcher. Such a turn is replaced as well if it
// blocks, but as it has no name it blocks its worker anew each time.
func (c *Crew) Schedule(turn func()) { c.admit(job(turn)) }

// Throughput is the number of messages that a turn may handle before it should let others have theirs.
func (c *Crew) Throughput() int { return slice }

// Workers is the number of the crew's goroutines, those that wait for work included. It falls to 0 when there has been none for 200 ms.
func (c *Crew) Workers() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live
}

// admit queues a turn.
func (c *Crew) admit(turn any) {
	c.mu.Lock()
	c.queue(turn)
	w := c.hire()
	c.mu.Unlock()
	w.rouse()
}

// post queues the turns of many mailboxes under one lock.
func (c *Crew) post(ms []*Mailbox) {
	c.mu.Lock()
	for _, m := range ms {
		c.queue(m)
	}
	w := c.hire()
	c.mu.Unlock()
	w.rouse()
}

// queue makes a turn wait for a worker, or gives it a goroutine of its own if its mailbox has blocked a worker lately.
func (c *Crew) queue(turn any) {
	if m, ok := turn.(*Mailbox); ok && m.patience > 0 {
		w := c.engage()
		w.errand = m
		w.rouse()
		return
	}
	c.ready.push(turn)
}

// hire makes one more worker active if turns wait and there is room; its caller rouses it without the lock. One at a time: each
// hires the next when it begins, so that a lone turn does not wake every core.
func (c *Crew) hire() *worker {
	if c.hiring != nil || c.ready.count.Load() == 0 || len(c.active) >= c.room {
		return nil
	}
	w := c.engage()
	w.at = len(c.active)
	c.active = append(c.active, w)
	c.hiring = w
	c.watch.arm(c, tick)
	return w
}

// engage takes a parked worker, or a new one.
func (c *Crew) engage() *worker {
	last := len(c.parked) - 1
	if last < 0 {
		c.live++
		return &worker{crew: c, wake: make(chan struct{}, 1), at: -1}
	}
	w := c.parked[last]
	c.parked[last] = nil
	c.parked = c.parked[:last]
	return w
}

func (c *Crew) dismiss(w *worker) {
	if w.at < 0 {
		return
	}
	last := c.active[len(c.active)-1]
	c.active[w.at], last.at = last, w.at
	c.active = slices.Delete(c.active, len(c.active)-1, len(c.active))
	w.at = -1
}

// again ends the turn of a mailbox that needs another. The worker has none then, so that the watch does not blame it for waiting.
func (c *Crew) again(w *worker, m *Mailbox) {
	c.mu.Lock()
	w.turn = nil
	c.queue(m)
	next := c.hire()
	c.mu.Unlock()
	next.rouse()
}

// take ends the worker's turn and finds it the next. Without one it is parked and must wait to be woken; so is a worker that was
// written off meanwhile, or for which there is no room any more.
func (c *Crew) take(w *worker) bool {
	c.mu.Lock()
	if c.hiring == w {
		c.hiring = nil
	}
	w.turn, w.strikes = nil, 0
	if w.at >= 0 && len(c.active) <= c.room {
		if turn, ok := c.ready.pop(); ok {
			w.turn = turn
			next := c.hire()
			c.mu.Unlock()
			next.rouse()
			return true
		}
		c.ready.release()
	}
	c.dismiss(w)
	w.since = time.Now()
	c.parked = append(c.parked, w)
	c.watch.arm(c, linger)
	c.mu.Unlock()
	return false
}

// rouse sets a worker to work. It may be nil.
func (w *worker) rouse() {
	switch {
	case w == nil:
	case w.begun:
		w.wake <- struct{}{}
	default:
		w.begun = true
		go w.work()
	}
}

func (w *worker) work() {
	defer w.leave()
	for ok := true; ok; _, ok = <-w.wake {
		w.alone()
		for w.crew.take(w) {
			switch turn := w.turn.(type) {
			case *Mailbox:
				if turn.run(slice) {
					w.crew.again(w, turn)
					runtime.Gosched() // the watch's timer wants a core too
				}
			case job:
				turn()
			}
		}
	}
}

// alone runs the turns of a mailbox that has blocked a worker, one message each, until it is empty or forgiven.
func (w *worker) alone() {
	m := w.errand
	if m == nil {
		return
	}
	w.turn, w.errand = m, nil
	for more := true; more; {
		began := time.Now()
		more = m.run(1)
		if w.crew.forgives(m, time.Since(began)) && more {
			w.crew.admit(m)
			break
		}
	}
}

func (c *Crew) forgives(m *Mailbox, took time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case took >= tick:
		m.patience = patience
	case m.patience > 0:
		m.patience--
	}
	return m.patience == 0
}

// leave is the end of the goroutine: dismissed, or in the middle of a turn that has called runtime.Goexit, whose mailbox goes on.
func (w *worker) leave() {
	c := w.crew
	c.mu.Lock()
	c.live--
	c.dismiss(w)
	turn := w.turn
	next := c.hire()
	c.mu.Unlock()
	next.rouse()
	if m, ok := turn.(*Mailbox); ok {
		c.admit(m)
	}
}
