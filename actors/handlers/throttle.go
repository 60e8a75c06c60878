package handlers

import (
	"sync"
	"time"
)

// throttle is for what all connections of a handler are told now and then, and not for each panic: a client that can make a handler
// panic could do that a thousand times a second.
type throttle struct {
	last  time.Time
	timer *time.Timer // nil: no call waits
}

// call calls f, at once or when every has passed since the last call. A call that waits already serves for this one too. mu is held, and is
// taken for the call.
func (t *throttle) call(every time.Duration, now time.Time, mu sync.Locker, f func()) {
	if t.timer != nil {
		return
	}
	wait := t.last.Add(every).Sub(now)
	if wait <= 0 {
		t.last = now
		f()
		return
	}
	t.timer = time.AfterFunc(wait, func() {
		mu.Lock()
		defer mu.Unlock()
		if t.timer != nil { // not stopped
			t.timer, t.last = nil, time.Now()
			f()
		}
	})
}

// stop withdraws the call that waits. The lock must be held.
func (t *throttle) stop() {
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}
