package actors

import (
	"runtime"
	"slices"
	"time"
)

const (
	tick     = time.Millisecond       // between two looks while there is work
	linger   = 200 * time.Millisecond // how long a parked worker waits for work
	patience = 64                     // quick turns after which a mailbox that has blocked is forgiven
	calm     = 8                      // looks that did not make it larger before the room shrinks
)

// watch finds the workers that are stuck in a turn. It is a timer that runs only while the crew has workers.
type watch struct {
	timer *time.Timer
	every time.Duration // 0: the timer is off
	calm  int
}

// arm makes the next look come in d, unless it comes sooner anyway. The crew's lock must be held.
func (w *watch) arm(c *Crew, d time.Duration) {
	switch {
	case w.timer == nil:
		w.timer = time.AfterFunc(d, c.look)
	case w.every == 0 || d < w.every:
		w.timer.Reset(d)
	default:
		return
	}
	w.every = d
}

// look asks a turn that it finds for the second time to end after the present message, and writes its worker off at the third: one
// look that comes late, because the process was not running, proves nothing.
func (c *Crew) look() {
	c.mu.Lock()
	stuck := 0
	for i := len(c.active) - 1; i >= 0; i-- {
		w := c.active[i]
		if w.turn == nil {
			continue
		}
		w.strikes++
		m, _ := w.turn.(*Mailbox)
		if w.strikes == 2 && m != nil {
			m.hurry.Store(true)
		}
		if w.strikes > 2 {
			stuck++
			c.dismiss(w)
			if m != nil {
				m.patience = patience
			}
		}
	}
	c.resize(2*stuck >= c.room)
	now := time.Now()
	gone := c.retire(now)
	next := c.hire()
	c.watch.every = 0
	if len(c.active) > 0 {
		c.watch.arm(c, tick)
	} else if len(c.parked) > 0 {
		c.watch.arm(c, linger-now.Sub(c.parked[0].since))
	}
	c.mu.Unlock()
	next.rouse()
	for _, w := range gone {
		close(w.wake)
	}
}

// resize doubles the room when half of it is stuck, so that many blockers cost a few looks rather than one for every few of them.
// Half, not all: not every worker began in time for the same look.
func (c *Crew) resize(stuck bool) {
	floor := runtime.GOMAXPROCS(0)
	if stuck {
		c.room, c.watch.calm = 2*c.room, 0
		return
	}
	if c.watch.calm++; c.watch.calm >= calm || len(c.active) == 0 {
		c.room, c.watch.calm = c.room/2, 0
	}
	c.room = max(c.room, floor)
}

// retire removes the workers that have been parked for too long.
func (c *Crew) retire(now time.Time) (gone []*worker) {
	n := 0
	for n < len(c.parked) && now.Sub(c.parked[n].since) >= linger {
		n++
	}
	gone = slices.Clone(c.parked[:n])
	c.parked = slices.Delete(c.parked, 0, n)
	return gone
}
