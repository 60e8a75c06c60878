package actors

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
)

// Receiver is who is on top of a connection where that is no actor. It is called in turns
// of the connection, and must not block.
type Receiver interface {
	// Attached is called once, before anything else, in the turn of the upgrade.
	Attached(h *Handle)
	// Deliver takes all that a turn has, in order: items, the last of which is Closed, and
	// Marks. The slice is the connection's again when it returns.
	Deliver(items []any)
	// Ended is called once, behind Closed, when the socket is closed.
	Ended()
}

// LastWordReceiver is a Receiver that has what it was delivered answered elsewhere, and wants
// to know when the peer says no more.
type LastWordReceiver interface {
	Receiver
	// LastWord is called behind the items before the peer's Close, mistake or end. The Mark
	// that is delivered next asks for all that answers those; when that is worked through, or
	// its time is over, the connection sends its own last word.
	LastWord(m *pipeline.Settle)
}

// hearsLastWord tells the top of the peer's last word, if it is one that wants to know.
func (s *stream) hearsLastWord(m *pipeline.Settle) bool {
	l, ok := s.top.(*local)
	if !ok {
		return false
	}
	r, ok := l.receiver.(LastWordReceiver)
	if ok {
		l.flush(s)
		r.LastWord(m)
	}
	return ok
}

// Mark asks a Receiver to call WorkedThrough when what was delivered before it has been
// worked through: that is the connection's credit.
type Mark struct{}

// Handle is a connection as its Receiver sees it. All may be called from any goroutine.
type Handle struct {
	conn *conn

	high, low atomic.Int64 // Limits.High and Low, or the defaults
	reserved  atomic.Int64 // bytes that the socket had not taken when the connection last looked, and those since
	wanted    atomic.Bool  // somebody waits for space
	mu        sync.Mutex
	space     chan struct{} // closed when there is space; nil: nobody waits
	failed    *error        // of the socket, which takes nothing any more; nil: none
}

// workedThrough tells the connection that a mark was passed. It is a message, so that it
// comes behind what was posted before.
type workedThrough struct{}

var passed = &workedThrough{}

// The output that senders do not wait for, where the limits name none.
const (
	defaultHigh = 64 << 10
	defaultLow  = 16 << 10
)

// PID returns the connection's actor.
func (h *Handle) PID() *actor.PID { return h.conn.ctx.Self() }

// Post sends a message to the connection. Once that has ended it goes nowhere.
func (h *Handle) Post(message any) { h.conn.mailbox.PostUserMessage(message) }

// Limits returns what the connection holds at most by now: in its turns.
func (h *Handle) Limits() *Limits {
	switch b := h.conn.behaviour.(type) {
	case *stream:
		return b.limits
	case *ended:
		return b.limits
	}
	return &unlimited
}

// Stop ends the connection without waiting for the peer.
func (h *Handle) Stop() { h.conn.rt.root.Stop(h.PID()) }

// Panicked tells the connection that who uses it has.
func (h *Handle) Panicked(reason any) { h.Post(&handlerPanicked{reason: reason}) }

// WorkedThrough tells the connection that n marks have been passed, and what answers what
// was before them posted.
func (h *Handle) WorkedThrough(n int) {
	for range n {
		h.Post(passed)
	}
}

// Reserve takes space for size bytes of output, which are then to be posted. It takes them
// if there is any space: a message may be larger than all of it.
func (h *Handle) Reserve(size int) bool {
	if h.reserved.Load() > h.high.Load() {
		return false
	}
	h.reserved.Add(int64(size))
	return true
}

// Failed is why the socket takes nothing any more, nil if it does.
func (h *Handle) Failed() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed == nil {
		return nil
	}
	return *h.failed
}

// Space returns a channel that is closed when there is space again. Reserve must be tried
// after the call, and before it is waited for.
func (h *Handle) Space() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.space == nil {
		h.space = make(chan struct{})
	}
	h.wanted.Store(true)
	return h.space
}

// Flush has done called when all that was posted before has been written to the socket, or
// the connection has ended.
func (h *Handle) Flush(done func(error)) { h.Post(&flushCall{done}) }

// flushCall is a Flush that does not come from an actor.
type flushCall struct{ done func(error) }

// local is a Receiver on top.
type local struct {
	Handle
	receiver Receiver
}

func newLocal(s *stream, r Receiver) *local {
	l := &local{receiver: r}
	l.conn = s.conn
	l.limited(s.limits)
	return l
}

// limited is told what the limits are by now. Who waits for space looks again.
func (l *local) limited(m *Limits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return
	}
	high, low := defaultHigh, defaultLow
	if m.High > 0 {
		high, low = m.High, m.Low
	}
	l.low.Store(int64(low))
	if was := l.high.Swap(int64(high)); was < int64(high) && l.wanted.Load() {
		l.wake()
	}
}

func (l *local) deliver(s *stream, item any) { s.items = append(s.items, item) }
func (l *local) touch(s *stream)             { s.items = append(s.items, Mark{}) }
func (l *local) impatient() bool             { return false }
func (l *local) detach(*stream)              {}

func (l *local) flush(s *stream) {
	if len(s.items) > 0 {
		l.receiver.Deliver(s.items)
		clear(s.items)
		s.items = s.items[:0]
	}
}

func (l *local) end(s *stream) (awaited bool) {
	l.touch(s)
	l.flush(s)
	return true
}

// outputLeft is told how much output waits at the end of a burst. What was reserved meanwhile
// and is still to be sent counts until the next one.
func (l *local) outputLeft(waiting int) {
	reserved := l.reserved.Load()
	if l.conn.mailbox.UserMessageCount() > 0 || !l.reserved.CompareAndSwap(reserved, int64(waiting)) {
		return // another turn follows
	}
	if int64(waiting) <= l.low.Load() && l.wanted.Load() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.wake()
	}
}

// fail is told that the socket takes nothing any more: there is no space, and who waits for some
// is to know. The end of the connection may come much later, behind input that is not received.
func (l *local) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = &err
	l.high.Store(math.MinInt64)
	l.wake()
}

// wake has those who wait for space look again. The lock must be held.
func (l *local) wake() {
	l.wanted.Store(false)
	if l.space != nil {
		close(l.space)
		l.space = nil
	}
}
