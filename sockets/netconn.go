package sockets

import (
	"io"
	"net"
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

func (n *netConn) SetDeadline(t time.Time) error {
	n.reads.set(t)
	n.writes.set(t)
	return nil
}

func (n *netConn) SetReadDeadline(t time.Time) error  { n.reads.set(t); return nil }
func (n *netConn) SetWriteDeadline(t time.Time) error { n.writes.set(t); return nil }
