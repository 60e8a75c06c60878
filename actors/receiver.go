package actors

import (
	"math"

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
	t, ok := s.top.(*receiverTop)
	if !ok {
		return false
	}
	r, ok := t.receiver.(LastWordReceiver)
	if ok {
		t.handOver(s)
		r.LastWord(m)
	}
	return ok
}

// Mark asks a Receiver to call WorkedThrough when what was delivered before it is no longer
// ahead of the program: that is the connection's credit. One that Settles asks when all of that
// has been worked through. Marks are told in order.
type Mark struct{ Settles bool }

// receiverTop is a Receiver on top.
type receiverTop struct {
	Handle
	receiver Receiver
}

func newReceiverTop(s *stream, r Receiver) *receiverTop {
	t := &receiverTop{receiver: r}
	t.conn = s.conn
	t.limited(s.limits)
	return t
}

// limited is told what the limits are by now. Who waits for space looks again.
func (t *receiverTop) limited(m *Limits) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed != nil {
		return
	}
	high, low := m.space()
	t.low.Store(int64(low))
	t.high.Store(int64(high))
	if t.wanted.Load() {
		t.wake()
	}
}

func (t *receiverTop) deliver(s *stream, item any) { s.items = append(s.items, item) }
func (t *receiverTop) isActor() bool               { return false }
func (t *receiverTop) detach(*stream)              {}

func (t *receiverTop) mark(s *stream, settles bool) { s.items = append(s.items, Mark{settles}) }

func (t *receiverTop) handOver(s *stream) {
	if len(s.items) > 0 {
		t.receiver.Deliver(s.items)
		clear(s.items)
		s.items = s.items[:0]
	}
}

func (t *receiverTop) end(s *stream) (awaited bool) {
	t.mark(s, true)
	t.handOver(s)
	return true
}

// spacious reports whether so little is reserved that nobody can be waiting: how much output waits need not be found out then. It
// costs 2 % of an echo.
func (t *receiverTop) spacious() bool { return t.reserved.Load() <= t.low.Load() }

// outputLeft is told how much output waits at the end of a burst. What was reserved meanwhile
// and is still to be sent counts until the next one.
func (t *receiverTop) outputLeft(waiting int) {
	reserved := t.reserved.Load()
	if t.conn.mailbox.UserMessageCount() > 0 || !t.reserved.CompareAndSwap(reserved, int64(waiting)) {
		return // another turn follows
	}
	if int64(waiting) <= t.low.Load() && t.wanted.Load() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.wake()
	}
}

// fail is told that the socket takes nothing any more: there is no space, and who waits for some
// is to know. The end of the connection may come much later, behind input that is not received.
func (t *receiverTop) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed = &err
	t.high.Store(math.MinInt64)
	t.wake()
}

// wake has those who wait for space look again. The lock must be held.
func (t *receiverTop) wake() {
	t.wanted.Store(false)
	if t.space != nil {
		close(t.space)
		t.space = nil
	}
}
