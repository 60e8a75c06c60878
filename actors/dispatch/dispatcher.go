package dispatch

import (
	"context"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Dispatcher runs actors' turns: at most GOMAXPROCS workers drain one queue of ready mailboxes. A goroutine for each burst would grow its
// stack anew every time, and one for each ready actor would touch thousands of cold stacks; a few workers stay warm.
//
// A handler may block. It then delays the others for 2 to 3 ms: the watch replaces its worker and marks the mailbox, whose next turns
// run on goroutines of their own. One that blocks there, or again soon, has such turns until it has been quick for a while.
type Dispatcher struct {
	// OnPanic, if it is set before the first turn, is called within the panic of an actor that has panicked at a message, before
	// its supervisor hears of it.
	OnPanic func(self *actor.PID, message, reason any)

	mu        sync.Mutex
	ready     queue     // turns that wait for a worker: *Mailbox or job
	active    []*worker // those that drain ready
	parked    []*worker // last in, first out: the warmest stack, and the bottom tells how many are too many
	hiring    *worker   // the active one that has not begun yet: it hires the next if there is need
	maxActive int
	live      int // goroutines, parked or not
	keeps     int // who wants idle workers to be kept
	watch     watch
}

var _ actor.Dispatcher = (*Dispatcher)(nil)

// job is the turn of a mailbox that is not ours.
type job func()

// worker is a goroutine of the dispatcher's. Its fields are under the dispatcher's lock while it is active or parked, its own otherwise.
type worker struct {
	dispatcher *Dispatcher
	woken      chan struct{} // closed: leave
	begun      bool          // it has a goroutine
	dedicated  *Mailbox      // run this one's turns, rather than the queue's
	turn       any           // what it runs now
	strikes    int           // looks of the watch that found it in this turn
	index      int           // in active, or -1
	since      time.Time     // when it was parked
}

// New returns a dispatcher without workers. They come with the work and leave with it, unless Keep is called.
func New() *Dispatcher {
	return &Dispatcher{maxActive: runtime.GOMAXPROCS(0)}
}

// Mailbox returns a new mailbox whose turns run on the dispatcher, for actor.WithMailbox.
func (d *Dispatcher) Mailbox() actor.Mailbox { return &Mailbox{dispatcher: d} }

// Option makes the actors of some props run on the dispatcher.
func (d *Dispatcher) Option() actor.PropsOption { return actor.WithMailbox(d.Mailbox) }

// Schedule queues a turn of another kind of mailbox, which makes it an actor.Dispatcher. Such a turn is replaced as well if it
// blocks, but as it has no name it blocks its worker anew each time.
func (d *Dispatcher) Schedule(turn func()) { d.enqueue(job(turn)) }

// Throughput is the number of messages that a turn may handle before it should let others have theirs.
func (d *Dispatcher) Throughput() int { return turnBudget }

// Keep has workers that find no more work wait for some, for 200 ms: a goroutine that is still there has its stack grown already. It
// holds until release is called; when nobody keeps them any more, those that wait leave at once, and so does every other when its
// work is done.
func (d *Dispatcher) Keep() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.keeps++
	return sync.OnceFunc(d.releaseKeep)
}

func (d *Dispatcher) releaseKeep() {
	d.mu.Lock()
	var gone []*worker
	if d.keeps--; d.keeps == 0 {
		gone, d.parked = d.parked, nil
	}
	d.mu.Unlock()
	dismissAll(gone)
}

// Workers is the number of the dispatcher's goroutines, those that wait for work included. It falls to 0 when there has been none for
// 200 ms, or at once if nobody calls Keep.
func (d *Dispatcher) Workers() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.live
}

// enqueue queues a turn.
func (d *Dispatcher) enqueue(turn any) {
	d.mu.Lock()
	d.queue(turn)
	w := d.hire()
	d.mu.Unlock()
	w.wake()
}

// Post queues the turns of many mailboxes under one lock: those for which Mark has said true.
func (d *Dispatcher) Post(ms []*Mailbox) {
	d.mu.Lock()
	for _, m := range ms {
		d.queue(m)
	}
	w := d.hire()
	d.mu.Unlock()
	w.wake()
}

// queue makes a turn wait for a worker, or gives it a goroutine of its own if its mailbox has blocked a worker lately.
func (d *Dispatcher) queue(turn any) {
	if m, ok := turn.(*Mailbox); ok && m.penalty.owed > 0 {
		w := d.engage()
		w.dedicated = m
		w.wake()
		return
	}
	d.ready.push(turn)
}

// hire makes one more worker active if turns wait and maxActive allows it. Its caller wakes it, without the lock. Workers are hired one at a
// time: each hires the next when it begins, so that a single turn does not wake every core.
func (d *Dispatcher) hire() *worker {
	if d.hiring != nil || d.ready.count.Load() == 0 || len(d.active) >= d.maxActive {
		return nil
	}
	w := d.engage()
	w.index = len(d.active)
	d.active = append(d.active, w)
	d.hiring = w
	d.watch.arm(d, tick)
	return w
}

// engage takes a parked worker, or a new one.
func (d *Dispatcher) engage() *worker {
	last := len(d.parked) - 1
	if last < 0 {
		d.live++
		return &worker{dispatcher: d, woken: make(chan struct{}, 1), index: -1}
	}
	w := d.parked[last]
	d.parked[last] = nil
	d.parked = d.parked[:last]
	return w
}

func (d *Dispatcher) dismiss(w *worker) {
	if w.index < 0 {
		return
	}
	last := d.active[len(d.active)-1]
	d.active[w.index], last.index = last, w.index
	d.active = slices.Delete(d.active, len(d.active)-1, len(d.active))
	w.index = -1
}

// again ends the turn of a mailbox that needs another. The worker has no turn while it waits, so that the watch does not blame it.
func (d *Dispatcher) again(w *worker, m *Mailbox) {
	d.mu.Lock()
	w.turn = nil
	d.queue(m)
	next := d.hire()
	d.mu.Unlock()
	next.wake()
}

// take ends the worker's turn and finds it the next. It returns false if there is none, if the worker was written off meanwhile, or if
// too many are active: then the worker is parked, and must wait to be woken, or it is told to leave.
func (d *Dispatcher) take(w *worker) bool {
	d.mu.Lock()
	if d.hiring == w {
		d.hiring = nil
	}
	w.turn, w.strikes = nil, 0
	if w.index >= 0 && len(d.active) <= d.maxActive {
		if turn, ok := d.ready.pop(); ok {
			w.turn = turn
			if m, ok := turn.(*Mailbox); ok {
				m.penalty.forget()
			}
			next := d.hire()
			d.mu.Unlock()
			next.wake()
			return true
		}
	}
	d.ready.free()
	d.dismiss(w)
	if d.keeps == 0 {
		d.mu.Unlock()
		close(w.woken) // nobody else knows it now
		return false
	}
	w.since = time.Now()
	d.parked = append(d.parked, w)
	d.watch.arm(d, linger)
	d.mu.Unlock()
	return false
}

// wake sets a worker to work. w may be nil.
func (w *worker) wake() {
	switch {
	case w == nil:
	case w.begun:
		w.woken <- struct{}{}
	default:
		w.begun = true
		go w.work()
	}
}

// unlabel takes back what a turn has labelled its goroutine with for the profiler, so that no other is counted as its. A goroutine
// also inherits labels from who starts it, in somebody's turn. It costs 20 ns a turn (BenchmarkUnlabel).
func unlabel() { pprof.SetGoroutineLabels(context.Background()) }

func (w *worker) work() {
	defer w.leave()
	unlabel()
	for ok := true; ok; _, ok = <-w.woken {
		w.runDedicated()
		for w.dispatcher.take(w) {
			switch turn := w.turn.(type) {
			case *Mailbox:
				more := turn.run(turnBudget)
				unlabel()
				if more {
					w.dispatcher.again(w, turn)
					runtime.Gosched() // the watch's timer wants a core too
				}
			case job:
				turn()
				unlabel()
			}
		}
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
		more = m.run(1)
		if w.dispatcher.forgives(m, time.Since(began)) && more {
			w.dispatcher.enqueue(m)
			break
		}
	}
}

func (d *Dispatcher) forgives(m *Mailbox, took time.Duration) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return m.penalty.judge(took)
}

// leave is the end of the goroutine. It was dismissed, or its turn has called runtime.Goexit: then the mailbox goes on elsewhere.
func (w *worker) leave() {
	d := w.dispatcher
	d.mu.Lock()
	d.live--
	d.dismiss(w)
	turn := w.turn
	d.ready.free()
	next := d.hire()
	d.mu.Unlock()
	next.wake()
	if m, ok := turn.(*Mailbox); ok {
		d.enqueue(m)
	}
}
