package sockets

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// NetConn returns c as a net.Conn, for a protocol that wants one: what is written is sent
// in messages of type op, frame.OpText or frame.OpBinary, and what is read is the payloads
// of the peer's messages of that type, one behind the other. A message of the other type is
// a *[MessageTypeError]. A clean end with 1000, 1001 or no code is io.EOF. Close closes with
// 1000. Nobody else may receive from c.
func (c *Conn) NetConn(op frame.Opcode) net.Conn {
	return &netConn{Conn: c, op: op, read: newDeadline(), write: newDeadline()}
}

type netConn struct {
	*Conn
	op          frame.Opcode
	read, write *deadline

	mu      sync.Mutex // of readers
	message *frame.Frame
	rest    []byte
}

func (n *netConn) Read(p []byte) (int, error) {
	if err := messageType(n.op); err != nil {
		return 0, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.rest) == 0 {
		if len(p) == 0 {
			return 0, nil
		}
		if n.message != nil {
			n.message.Release()
			n.message = nil
		}
		f, err := n.receive(n.read, n.op)
		if err != nil {
			if ordinary(err) {
				err = io.EOF
			}
			return 0, err
		}
		n.message, n.rest = f, f.Payload
	}
	k := copy(p, n.rest)
	n.rest = n.rest[k:]
	return k, nil
}

func (n *netConn) Write(p []byte) (int, error) {
	err := messageType(n.op)
	if err != nil {
		return 0, err
	}
	if n.op == frame.OpText {
		err = n.SendText(n.write, string(p))
	} else {
		err = n.SendBinary(n.write, p)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

func (n *netConn) Close() error { return n.Conn.Close(frame.Normal, "") }

// LocalAddr and RemoteAddr are what the handshake's request says of the server's end.
func (n *netConn) LocalAddr() net.Addr  { return connAddr("local") }
func (n *netConn) RemoteAddr() net.Addr { return connAddr(n.Request().RemoteAddr) }

// connAddr is a net.Addr of which only the text is known.
type connAddr string

func (a connAddr) Network() string { return "websocket" }
func (a connAddr) String() string  { return string(a) }

func (n *netConn) SetDeadline(t time.Time) error {
	n.read.set(t)
	n.write.set(t)
	return nil
}

func (n *netConn) SetReadDeadline(t time.Time) error  { n.read.set(t); return nil }
func (n *netConn) SetWriteDeadline(t time.Time) error { n.write.set(t); return nil }

// deadline is a context that ends at a time which may be changed, also while somebody waits.
type deadline struct {
	mu     sync.Mutex
	timer  *time.Timer   // nil: not set
	passed chan struct{} // closed when it has
}

var _ context.Context = (*deadline)(nil)

func newDeadline() *deadline { return &deadline{passed: make(chan struct{})} }

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	if !t.IsZero() && time.Until(t) <= 0 {
		d.pass()
		return
	}
	select {
	case <-d.passed:
		d.passed = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(time.Until(t), func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.timer == timer { // it was not set anew meanwhile
			d.pass()
		}
	})
	d.timer = timer
}

// pass closes passed. The lock must be held.
func (d *deadline) pass() {
	select {
	case <-d.passed:
	default:
		close(d.passed)
	}
}

// Deadline makes deadline a context.Context.
func (d *deadline) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done makes deadline a context.Context.
func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.passed
}

// Err makes deadline a context.Context.
func (d *deadline) Err() error {
	select {
	case <-d.Done():
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}

// Value makes deadline a context.Context.
func (d *deadline) Value(any) any { return nil }
