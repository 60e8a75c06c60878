package sockets

import (
	"context"
	"net"
	"os"
	"sync"
	"time"
)

// deadline is a context that ends at a time which may be changed, also while somebody waits.
type deadline struct {
	mu     sync.Mutex
	timer  *time.Timer   // nil: not set
	passed chan struct{} // closed when it has
	over   bool          // for good: closed
}

var _ context.Context = (*deadline)(nil)

func newDeadline() *deadline { return &deadline{passed: make(chan struct{})} }

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop()
	if d.over {
		return
	}
	if !t.IsZero() && time.Until(t) <= 0 {
		d.pass()
		return
	}
	select {
	case <-d.passed:
		d.passed = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(time.Until(t), func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.timer == timer { // it was not set anew meanwhile
			d.pass()
		}
	})
	d.timer = timer
}

// close is a deadline for good.
func (d *deadline) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop()
	d.over = true
	d.pass()
}

func (d *deadline) isOver() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

// stop stops the timer. The lock must be held.
func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

// pass closes passed. The lock must be held.
func (d *deadline) pass() {
	select {
	case <-d.passed:
	default:
		close(d.passed)
	}
}

// Deadline makes deadline a context.Context.
func (d *deadline) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done makes deadline a context.Context.
func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.passed
}

// Err makes deadline a context.Context.
func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return net.ErrClosed
	}
	select {
	case <-d.passed:
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}

// Value makes deadline a context.Context.
func (d *deadline) Value(any) any { return nil }
