package handlers

import (
	"sync"
	"time"

	"github.com/spindrift-go/spindrift/actors/dispatch"
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

// Connections are told in batches, so that those of other handlers get their turns between.
const (
	batchSize  = 64
	batchPause = time.Millisecond
)

// tell sends message to the connections of s. The lock must be held.
func (s *shared) tell(message any) {
	told := 0
	m := s.first
	for ; m != nil && told < batchSize; m = m.links.Next {
		m.connection.PostUserMessage(message)
		told++
	}
	if m == nil {
		return
	}
	var rest []*dispatch.Mailbox // what has ended meanwhile takes no message
	for ; m != nil; m = m.links.Next {
		rest = append(rest, m.connection)
	}
	tellLater(rest, message)
}

func tellLater(rest []*dispatch.Mailbox, message any) {
	time.AfterFunc(batchPause, func() {
		n := min(batchSize, len(rest))
		for _, m := range rest[:n] {
			m.PostUserMessage(message)
		}
		if rest = rest[n:]; len(rest) > 0 {
			tellLater(rest, message)
		}
	})
}
