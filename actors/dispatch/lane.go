package dispatch

import "sync"

// lane is a queue of turns and the right to drain it, which one worker has at a time.
//
// Its lock is taken after the group's, and never together with another lane's.
type lane struct {
	_ cacheLine

	group *group
	mu    sync.Mutex
	ready queue // turns that wait: *Mailbox or job. Its count is read without the lock

	worker  *worker // who drains it; nil: it is free
	looks   int     // of the watch that found the worker in the same turn
	ahead   uint8   // how many of the next turns go ahead of what waits, see Mailbox.Ahead
	retired bool    // the group has become narrower: nothing comes in any more
	free    int     // its place in the group's free lanes, or -1; under the group's lock

	_ cacheLine
}

// cacheLine keeps what different cores change apart (BenchmarkLanesSideBySide).
type cacheLine [64]byte

// enqueue makes a turn wait in the lane, or in another one of its group if it is retired.
func (l *lane) enqueue(turn any) {
	l = l.lockInUse()
	if l.ahead > 0 {
		l.ahead--
		l.ready.pushFront(turn)
	} else {
		l.ready.push(turn)
	}
	l.mu.Unlock()
	l.group.hire(l)
}

// enqueueAll makes turns of many mailboxes wait, as enqueue does. It makes use of ms.
func (l *lane) enqueueAll(ms []*Mailbox) {
	l = l.lockInUse()
	slow := 0
	for _, m := range ms {
		if m.penalty().owed() == 0 { // asked once: what is queued may be running, and be found slow, already
			l.ready.push(m)
			continue
		}
		ms[slow] = m
		slow++
	}
	l.mu.Unlock()
	if slow < len(ms) {
		l.group.hire(l)
	}
	for _, m := range ms[:slow] {
		l.group.dedicate(m)
	}
}

// lockInUse locks the lane, or another one of its group if it is retired.
func (l *lane) lockInUse() *lane {
	for l.mu.Lock(); l.retired; l.mu.Lock() {
		l.mu.Unlock()
		l = l.group.any()
	}
	return l
}

// turnsAhead is how many turns go ahead of others after a Mailbox.Ahead: the handler's, and the connection's that it answers. One that
// is left over goes to whoever comes next.
const turnsAhead = 2

// goAhead has the next turns that come into the lane go ahead of those that wait.
func (l *lane) goAhead() {
	l.mu.Lock()
	l.ahead = turnsAhead
	l.mu.Unlock()
}

// waits reports whether turns do. It may be called without the lock.
func (l *lane) waits() bool { return l.ready.count.Load() > 0 }

// running reports whether the worker is in a turn. The lock must be held.
func (l *lane) running() bool { return l.worker != nil && l.worker.turn != nil }

// maxSteal is how many turns are stolen at once.
const maxSteal = 32

// takeHalf moves the older half of what waits into turns. It reports how many those are, and whether there are more.
func (l *lane) takeHalf(turns *[maxSteal]any) (n int, more bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for half := min((int(l.ready.count.Load())+1)/2, maxSteal); n < half; n++ {
		turns[n], _ = l.ready.pop()
	}
	if l.worker == nil {
		l.ready.free() // nobody else would
	}
	return n, l.waits()
}
