package sockets

import "sync/atomic"

// latch is a channel that is closed once. It is made when somebody waits for it: an idle Conn
// has 96 bytes less (make idle).
type latch struct{ made atomic.Pointer[chan struct{}] }

// done is the channel of every latch that was closed before somebody asked.
var done = func() *chan struct{} { c := make(chan struct{}); close(c); return &c }()

// wait returns the channel.
func (l *latch) wait() <-chan struct{} {
	if c := l.made.Load(); c != nil {
		return *c
	}
	c := make(chan struct{})
	if l.made.CompareAndSwap(nil, &c) {
		return c
	}
	return *l.made.Load()
}

// close closes the channel. It is called once.
func (l *latch) close() {
	if c := l.made.Swap(done); c != nil {
		close(*c)
	}
}

// closed reports whether it is.
func (l *latch) closed() bool { return l.made.Load() == done }
