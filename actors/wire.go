package actors

import (
	"crypto/tls"
	"net"
)

// The signals that a connection's mailbox gets.
const (
	readable uint32 = 1 << iota
	writable
	ended  // the peer has closed its half: read until the end shows
	due    // an alarm of the wheel
	broken // the connection is, as failure says
)

// wire is a connected socket as the connection actor sees it. No method blocks;
// all are called from the actor's turns. Readiness comes as signals.
type wire interface {
	// read returns what is there. errAgain, also beside n > 0, says that there is
	// no more until the next readable signal. Any other error comes with n == 0.
	read(p []byte) (n int, err error)
	// write takes what it can of p. errAgain, also beside n == len(p), says that
	// something waits: call again, with p empty if need be, at the next writable.
	write(p []byte) (n int, err error)
	// writev is write of head and body, in one system call where there is one. It
	// may take less without errAgain.
	writev(head, body []byte) (n int, err error)
	// moved is how many bytes the socket has taken, also of those that write took
	// before: a wire may keep some.
	moved() int64
	// nudge has a write that is under way count what the socket has taken of it, for
	// moved; false: it does already, or cannot.
	nudge() bool
	// kept is how many bytes write took and the socket did not, yet.
	kept() int
	// unseen: there may be something to read that a goroutine has not got to.
	unseen() bool
	// failure is what has broken the connection; nil if it has not, or the wire
	// cannot tell without a read or a write.
	failure() error
	closeWrite()
	close()
}

// again is the error of a socket that has nothing to read or no room. Temporary
// makes crypto/tls keep a connection alive that met it.
type again struct{}

func (again) Error() string   { return "not ready" }
func (again) Timeout() bool   { return false }
func (again) Temporary() bool { return true }

var errAgain error = again{}

// writeBoth is writev for wires that have nothing better.
func writeBoth(w wire, head, body []byte) (n int, err error) {
	if n, err = w.write(head); err != nil || n < len(head) {
		return n, err
	}
	m, err := w.write(body)
	return n + m, err
}

// newWire takes over nc: polled if it is TCP, or TLS over a Lane, and the system
// has a poller; by a goroutine that reads otherwise, or if portable is asked for.
func (rt *Runtime) newWire(nc net.Conn, m *Mailbox, portable bool) wire {
	if !portable {
		if w := rt.pollable(nc, m); w != nil {
			return w
		}
	}
	return newPortable(nc, m)
}

func (rt *Runtime) pollable(nc net.Conn, m *Mailbox) wire {
	switch c := nc.(type) {
	case *net.TCPConn:
		if w := rt.newPolled(c, m); w != nil {
			return w
		}
	case *Lane:
		return rt.pollable(c.TCPConn, m)
	case *tls.Conn:
		lane, ok := c.NetConn().(*Lane)
		if !ok || !c.ConnectionState().HandshakeComplete {
			return nil
		}
		if w := rt.newPolled(lane.TCPConn, m); w != nil {
			lane.polled = w
			// What TLS has read ahead makes no socket readable.
			m.Signal(readable)
			return &secure{conn: c, lane: lane}
		}
	}
	return nil
}
