package actors

import (
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// Handle is a connection as its Receiver sees it. All may be called from any goroutine.
type Handle struct {
	conn *conn

	high, low atomic.Int64 // of Limits.space
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

// leastReserved is what a message takes however small it is: as much as pipeline.Sequence counts for one beside its payload.
const leastReserved = 64

// Reserve takes space for size bytes of output, which are then to be posted. It takes them
// if there is any space: a message may be larger than all of it.
func (h *Handle) Reserve(size int) bool {
	if h.reserved.Load() > h.high.Load() {
		return false
	}
	h.reserved.Add(int64(max(size, leastReserved)))
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
