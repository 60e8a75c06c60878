package transport

import (
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// PollableConn is a TCP connection under a tls.Conn that can leave Go's blocking reads and writes behind. Until the upgrade it is the
// net.TCPConn. If a Poller takes it over, its Read returns at once and its Write keeps what the socket does not take. Under a portable
// transport it stays what it was, and counts what a write has moved.
type PollableConn struct {
	*net.TCPConn
	polled  *polled // set in the turn of the upgrade, when nobody else uses the connection
	drained bool    // the last read has emptied the socket
	waiting *[]byte // ciphertext that the socket has not taken; nil: none
	taken   int     // of that, at the front

	sent        atomic.Int64 // bytes, by writes that block
	mu          sync.Mutex
	interrupted bool // the deadline that a write meets is only for it to count
}

func (c *PollableConn) Read(p []byte) (int, error) {
	if c.polled == nil {
		return c.TCPConn.Read(p)
	}
	if c.drained {
		return 0, ErrAgain
	}
	n, err := c.polled.Read(p)
	if n > 0 {
		c.drained, err = err == ErrAgain, nil
	}
	return n, err
}

// Write takes all of p: a tls.Conn that met a short write is lost.
func (c *PollableConn) Write(p []byte) (int, error) {
	if c.polled == nil {
		return c.writeAll(p)
	}
	if c.waiting == nil {
		c.waiting = GetWriteBuffer()
	}
	*c.waiting = append(*c.waiting, p...)
	return len(p), nil
}

// writeAll blocks until p is written. TLS does not forgive a deadline, so it does not learn of those that interruptWrite has set.
func (c *PollableConn) writeAll(p []byte) (n int, err error) {
	for {
		k, err := c.TCPConn.Write(p[n:])
		c.sent.Add(int64(k))
		if n += k; err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || !c.continueWrite() {
			return n, err
		}
	}
}

// interruptWrite makes a write that is under way count what it has written.
func (c *PollableConn) interruptWrite() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupted = true
	c.TCPConn.SetWriteDeadline(time.Now())
}

// continueWrite lifts the deadline that a write has met if interruptWrite has set it.
func (c *PollableConn) continueWrite() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.interrupted {
		return false
	}
	c.interrupted = false
	return c.TCPConn.SetWriteDeadline(time.Time{}) == nil
}

// SetDeadline sets the deadline of reads and of writes.
func (c *PollableConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupted = false
	return c.TCPConn.SetDeadline(t)
}

// SetWriteDeadline sets the deadline of writes.
func (c *PollableConn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.interrupted = false
	return c.TCPConn.SetWriteDeadline(t)
}

// Close closes the socket, unless a Poller has taken it over: then the transport does.
func (c *PollableConn) Close() error {
	if c.polled == nil {
		return c.TCPConn.Close()
	}
	return nil
}

// freeBuffer gives the buffer of what waited back to the pool.
func (c *PollableConn) freeBuffer() {
	if c.waiting != nil {
		PutWriteBuffer(c.waiting)
		c.waiting, c.taken = nil, 0
	}
}
