package sockets

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/spindrift-go/spindrift/frame"
)

// NetConn returns c as a net.Conn, for a protocol that wants one: what is written is sent
// in messages of type op, frame.OpText or frame.OpBinary, of at most 32 KiB, and what is read is
// the payloads of the peer's messages of that type, one behind the other. A message of the other
// type is a *[MessageTypeError]. A clean end with 1000, 1001 or no code is io.EOF. Text may be cut
// anywhere by those who write it: a character that is begun waits for its rest.
//
// Close closes with 1000, and waits as [Conn.Close] does; others get net.ErrClosed at once.
// Nobody else may receive from c.
func (c *Conn) NetConn(op frame.Opcode) net.Conn {
	return &netConn{Conn: c, op: op, reads: newDeadline(), writes: newDeadline()}
}

type netConn struct {
	*Conn
	op            frame.Opcode
	reads, writes *deadline

	reading sync.Mutex
	message *frame.Frame
	rest    []byte

	writing sync.Mutex
	begun   []byte // of a character, in text
}

func (n *netConn) Read(p []byte) (int, error) {
	if err := messageType(n.op); err != nil {
		return 0, err
	}
	n.reading.Lock()
	defer n.reading.Unlock()
	if err := n.reads.Err(); err != nil { // also if there is something to be read
		return 0, err
	}
	for len(n.rest) == 0 {
		if len(p) == 0 {
			return 0, nil
		}
		if n.message != nil {
			n.message.Release()
			n.message = nil
		}
		f, err := n.receive(n.reads, n.op)
		switch {
		case err == nil:
			n.message, n.rest = f, f.Payload
		case n.reads.isOver(): // our own Close may be what has ended it
			return 0, net.ErrClosed
		case ordinary(err):
			return 0, io.EOF
		default:
			return 0, err
		}
	}
	k := copy(p, n.rest)
	n.rest = n.rest[k:]
	return k, nil
}

// streamPiece is how much of what is written goes into a message: a peer has no use for the
// bounds of messages, and a limit for their size.
const streamPiece = 32 << 10

func (n *netConn) Write(p []byte) (written int, err error) {
	if err := messageType(n.op); err != nil {
		return 0, err
	}
	n.writing.Lock()
	defer n.writing.Unlock()
	for first := true; first || len(p) > 0; first = false {
		k := min(len(p), streamPiece)
		if err := n.send(p[:k]); err != nil {
			return written, err
		}
		p, written = p[k:], written+k
	}
	return written, nil
}

// send sends p, but for a character that is begun at its end.
func (n *netConn) send(p []byte) error {
	if err := n.writes.Err(); err != nil {
		return err
	}
	var err error
	if n.op == frame.OpBinary {
		err = n.SendBinary(n.writes, p)
	} else {
		text := append(n.begun[:len(n.begun):len(n.begun)], p...)
		whole := len(text) - begun(text)
		if whole > 0 || len(text) == 0 {
			err = n.SendText(n.writes, string(text[:whole]))
		}
		if err == nil {
			n.begun = slices.Clone(text[whole:])
		}
	}
	if err != nil && n.writes.isOver() {
		return net.ErrClosed
	}
	return err
}

// begun is how many bytes at the end of text are a character without its rest.
func begun(text []byte) int {
	for k := 1; k < utf8.UTFMax && k <= len(text); k++ {
		if last := text[len(text)-k:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return k
		}
	}
	return 0
}

func (n *netConn) Close() error {
	n.reads.close()
	n.writes.close()
	return n.Conn.Close(frame.Normal, "")
}

// LocalAddr is the server's own address, and unknown on a client.
func (n *netConn) LocalAddr() net.Addr {
	if a, ok := n.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && n.Response() == nil {
		return a
	}
	return connAddr("unknown:0")
}

// RemoteAddr is what the handshake's request says: on a client it is the server that it asks.
func (n *netConn) RemoteAddr() net.Addr {
	r := n.Request()
	if n.Response() != nil {
		return connAddr(withPort(r.URL.Host, r.URL.Scheme))
	}
	return connAddr(r.RemoteAddr)
}

// connAddr is a net.Addr of which only the text is known.
type connAddr string

func (a connAddr) Network() string { return "websocket" }
func (a connAddr) String() string  { return string(a) }

func (n *netConn) SetDeadline(t time.Time) error {
	n.reads.set(t)
	n.writes.set(t)
	return nil
}

func (n *netConn) SetReadDeadline(t time.Time) error  { n.reads.set(t); return nil }
func (n *netConn) SetWriteDeadline(t time.Time) error { n.writes.set(t); return nil }

// deadline is a context that ends at a time which may be changed, also while somebody waits.
type deadline struct {
	mu     sync.Mutex
	timer  *time.Timer   // nil: not set
	passed chan struct{} // closed when it has
	over   bool          // for good: closed
}

var _ context.Context = (*deadline)(nil)

func newDeadline() *deadline { return &deadline{passed: make(chan struct{})} }

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop()
	if d.over {
		return
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

// close is a deadline for good.
func (d *deadline) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop()
	d.over = true
	d.pass()
}

func (d *deadline) isOver() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

// stop stops the timer. The lock must be held.
func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
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
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over {
		return net.ErrClosed
	}
	select {
	case <-d.passed:
		return os.ErrDeadlineExceeded
	default:
		return nil
	}
}

// Value makes deadline a context.Context.
func (d *deadline) Value(any) any { return nil }
