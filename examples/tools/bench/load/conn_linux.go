package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// conn is one connection under load. What it sends is one frame over and over, so it remembers only a position in it.
type conn struct {
	*peer
	index int
	scan  Scanner
	mux   *streams // nil: it is HTTP/1.1

	burst []byte // the frame, as many times as may be in flight; shared by all connections
	unit  int    // the length of one frame
	at    int    // where in the frame the next byte comes from
	owed  int    // bytes that must still be written

	stamps ring
	asked  bool // epoll was asked for writability
}

// send puts n more frames in flight.
func (c *conn) send(epfd, n int, now time.Duration) error {
	c.stamps.push(now, n)
	c.owed += n * c.unit
	return c.flush(epfd)
}

func (c *conn) flush(epfd int) error {
	if c.mux != nil {
		return c.flushStreams(epfd)
	}
	for c.owed > 0 {
		n, err := c.write(c.burst[c.at:min(c.at+c.owed, len(c.burst))])
		c.owed -= n
		c.at = (c.at + n) % c.unit
		if err == errAgain {
			break
		}
		if err != nil {
			return err
		}
	}
	return c.ask(epfd, c.owed > 0)
}

func (c *conn) flushStreams(epfd int) error {
	out := c.mux.out
	for len(out) > 0 {
		n, err := c.write(out)
		out = out[n:]
		if err == errAgain {
			break
		}
		if err != nil {
			return err
		}
	}
	c.mux.out = append(c.mux.out[:0], out...)
	return c.ask(epfd, len(out) > 0)
}

// ask has epoll tell when more can be written, or no longer.
func (c *conn) ask(epfd int, wants bool) error {
	if wants == c.asked {
		return nil
	}
	c.asked = wants
	return control(epfd, unix.EPOLL_CTL_MOD, c)
}

func control(epfd, op int, c *conn) error {
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.index)}
	if c.asked {
		event.Events |= unix.EPOLLOUT
	}
	return unix.EpollCtl(epfd, op, c.fd, &event)
}

// ring holds the send times of what is in flight, oldest first.
type ring struct {
	times []time.Duration
	head  int
	held  int
}

func newRing(most int) ring { return ring{times: make([]time.Duration, most)} }

func (r *ring) push(t time.Duration, n int) {
	for range n {
		r.times[(r.head+r.held)%len(r.times)] = t
		r.held++
	}
}

func (r *ring) pop() (time.Duration, bool) {
	if r.held == 0 {
		return 0, false
	}
	t := r.times[r.head]
	r.head = (r.head + 1) % len(r.times)
	r.held--
	return t, true
}
