package actors

import (
	"time"

	"github.com/spindrift-go/spindrift/actors/dispatch"
)

// round is something that all connections of a handler are told now and then: not for each
// panic, for a client that can make a handler panic could do that a thousand times a second.
type round struct {
	last  time.Time
	timer *time.Timer // nil: none waits
}

// within does f when every has passed since it did last, under the lock of d.
func (r *round) within(every time.Duration, now time.Time, d *sharedHandlers, f func()) {
	if r.timer != nil {
		return
	}
	wait := r.last.Add(every).Sub(now)
	if wait <= 0 {
		r.last = now
		f()
		return
	}
	r.timer = time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if r.timer != nil { // not stopped
			r.timer, r.last = nil, time.Now()
			f()
		}
	})
}

func (r *round) stop() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// Connections are told in batches, so that those of other handlers get their turns between.
const (
	tellBatch = 64
	tellPause = time.Millisecond
)

// tell sends message to the connections of h.
func (h *sharedHandler) tell(message any) {
	told := 0
	m := h.first
	for ; m != nil && told < tellBatch; m = m.links.Next {
		m.stream.mailbox.PostUserMessage(message)
		told++
	}
	if m == nil {
		return
	}
	var rest []*dispatch.Mailbox // what has ended meanwhile takes no message
	for ; m != nil; m = m.links.Next {
		rest = append(rest, &m.stream.mailbox)
	}
	tellLater(rest, message)
}

func tellLater(rest []*dispatch.Mailbox, message any) {
	time.AfterFunc(tellPause, func() {
		n := min(tellBatch, len(rest))
		for _, m := range rest[:n] {
			m.PostUserMessage(message)
		}
		if rest = rest[n:]; len(rest) > 0 {
			tellLater(rest, message)
		}
	})
}
