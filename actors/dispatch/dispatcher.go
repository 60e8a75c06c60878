package dispatch

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// Dispatcher runs actors' turns on at most GOMAXPROCS workers. A goroutine for each burst would grow its stack anew every time, and one
// for each ready actor would touch thousands of cold stacks; a few workers stay warm.
//
// Each worker drains a queue of its own, its lane. A turn is queued in the lane where its mailbox ran last, so actors that talk to each
// other stay on one core, and a worker that runs dry takes half of what waits in another lane.
//
// A handler may block. It then delays others for 2 to 3 ms: the watch gives its lane to another worker and marks the mailbox, whose
// next turns run on a goroutine of their own. A mailbox that blocks again soon stays there until it has been quick for a while.
type Dispatcher struct {
	// OnPanic, if it is set before the first turn, is called within the panic of an actor that has panicked at a message, before
	// its supervisor hears of it.
	OnPanic func(self *actor.PID, message, reason any)

	groups []*group
	hints  sync.Pool    // *lane: see here
	keeps  atomic.Int32 // who wants idle workers to be kept
}

var _ actor.Dispatcher = (*Dispatcher)(nil)

// job is the turn of a mailbox that is not ours.
type job func()

// New returns a dispatcher without workers. They come with the work and leave with it, unless Keep is called.
func New() *Dispatcher {
	d := &Dispatcher{}
	d.groups = make([]*group, (runtime.GOMAXPROCS(0)+groupWidth-1)/groupWidth)
	for i := range d.groups {
		d.groups[i] = newGroup(d, i)
	}
	return d
}

// Mailbox returns a new mailbox whose turns run on the dispatcher, for actor.WithMailbox.
func (d *Dispatcher) Mailbox() actor.Mailbox { return &Mailbox{dispatcher: d} }

// Option makes the actors of some props run on the dispatcher.
func (d *Dispatcher) Option() actor.PropsOption { return actor.WithMailbox(d.Mailbox) }

// Schedule queues a turn of another kind of mailbox, which makes it an actor.Dispatcher. Such a turn is replaced as well if it
// blocks, but as it has no name it blocks its worker anew each time.
func (d *Dispatcher) Schedule(turn func()) { d.nearby().enqueue(job(turn)) }

// Throughput is the number of messages that a turn may handle before it should let others have theirs.
func (d *Dispatcher) Throughput() int { return turnBudget }

// Keep has workers that find no more work wait for some, for 200 ms: a goroutine that is still there has its stack grown already. It
// holds until release is called; when nobody keeps them any more, those that wait leave at once, and so does every other when its
// work is done.
func (d *Dispatcher) Keep() (release func()) {
	d.keeps.Add(1)
	return sync.OnceFunc(func() {
		if d.keeps.Add(-1) == 0 {
			for _, g := range d.groups {
				g.dismissParked()
			}
		}
	})
}

// Workers is the number of the dispatcher's goroutines, those that wait for work included. It falls to 0 when there has been none for
// 200 ms, or at once if nobody calls Keep.
func (d *Dispatcher) Workers() (n int) {
	for _, g := range d.groups {
		g.mu.Lock()
		n += g.live
		g.mu.Unlock()
	}
	return n
}

// EnqueueAll queues the turns of many mailboxes under one lock: those for which Add or Mark has said true. It changes ms.
func (d *Dispatcher) EnqueueAll(ms []*Mailbox) {
	if len(ms) > 0 {
		d.nearby().enqueueAll(ms)
	}
}

// Groups is the number of groups of cores that the dispatcher keeps apart, eight cores each. What wakes many mailboxes, a poller say,
// is best there once for each.
func (d *Dispatcher) Groups() int { return len(d.groups) }

// EnqueueIn is EnqueueAll, for the cores of one group, counted from 0.
func (d *Dispatcher) EnqueueIn(group int, ms []*Mailbox) {
	if len(ms) == 0 {
		return
	}
	g := d.groups[group]
	l := d.here()
	if l == nil || l.group != g {
		l = g.any()
	}
	l.enqueueAll(ms)
}

// enqueue queues a turn of m, which whoever calls has claimed.
func (d *Dispatcher) enqueue(m *Mailbox) {
	l := d.laneOf(m)
	if m.penalty().owed() > 0 {
		l.group.dedicate(m)
		return
	}
	l.enqueue(m)
}

// sampleEvery is how many turns of a mailbox go into its home until one goes where it is posted from, and how many turns of a worker
// go by until it says anew where it is. Asking takes 15 ns.
const sampleEvery = 16

// laneOf is the lane for a turn of m: its home, where it ran last. Two actors that talk to each other and have their homes in different
// lanes would keep them for ever, so now and then it is the lane of whoever posts.
func (d *Dispatcher) laneOf(m *Mailbox) *lane {
	home := m.home.Load()
	if home == nil {
		return d.nearby()
	}
	if m.claims++; m.claims%sampleEvery == 0 {
		if l := d.here(); l != nil {
			return l
		}
	}
	return home
}

// nearby is the lane of the core that this code runs on, or any.
func (d *Dispatcher) nearby() *lane {
	if l := d.here(); l != nil {
		return l
	}
	return d.groups[rand.IntN(len(d.groups))].any()
}

// here is the lane of the worker that was seen last on the core that this code runs on, or nil. A sync.Pool gives back what was put
// into it on the same core; nothing but speed depends on that.
func (d *Dispatcher) here() *lane {
	l, _ := d.hints.Get().(*lane)
	if l != nil {
		d.hints.Put(l)
	}
	return l
}

// isHere says that l's worker runs on this core.
func (d *Dispatcher) isHere(l *lane) {
	d.hints.Get()
	d.hints.Put(l)
}
