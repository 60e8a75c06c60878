package rooms

import (
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// teller tells the program of what has gone wrong, one error after the other, on a goroutine of its own that
// there is as long as something waits. Who is told may close the node, which waits for the goroutines
// that had something to tell.
type teller struct {
	tell func(error)

	mu      sync.Mutex
	waiting []error
	told    chan struct{} // closed when nothing waits any more; nil: nothing does
	over    bool          // the node is closed
}

const (
	maxUntold = 100
	closeWait = 100 * time.Millisecond
)

func (t *teller) add(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over || len(t.waiting) == maxUntold {
		return
	}
	t.waiting = append(t.waiting, err)
	if t.told == nil {
		t.told = make(chan struct{})
		go t.run()
	}
}

// run tells all that waits. A panic of who is told is logged, and like its runtime.Goexit ends no more than the goroutine: another
// tells the rest.
func (t *teller) run() {
	over := false
	defer func() {
		if over {
			return
		}
		if reason := recover(); reason != nil {
			slog.Default().Error("rooms: Config.OnError panicked", "reason", reason, "stack", string(debug.Stack()))
		}
		go t.run()
	}()
	for err := t.next(); err != nil; err = t.next() {
		t.tell(err)
	}
	over = true
}

// next is what is told next; nil: nothing waits.
func (t *teller) next() (err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) == 0 {
		close(t.told)
		t.told = nil
		return nil
	}
	err, t.waiting = t.waiting[0], t.waiting[1:]
	return err
}

// close has nothing told that is still to come. It waits a moment for what waits: that may be who closes.
func (t *teller) close() {
	t.mu.Lock()
	t.over = true
	told := t.told
	t.mu.Unlock()
	if told != nil {
		select {
		case <-told:
		case <-time.After(closeWait):
		}
	}
}
