package sockets

import (
	"errors"
	"fmt"
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
// the payloads of the peer's messages of that type, one behind the other, as they arrive. A message
// of the other type is a *[MessageTypeError], which has its beginning, and the next Read goes on
// behind it. A clean end with 1000, 1001 or no code is io.EOF, and in the middle of a message an
// io.ErrUnexpectedEOF. Text may be cut anywhere by those who write it: a character that is begun
// waits for its rest.
//
// A stream has no messages to be limited: MaxMessage, MaxFrame, MaxFragments and MessageTime do not
// count any more from here on, unless SetOptions sets them again, and memory does not depend on them.
// A peer that speaks first may have met them before: a server that is to take its message of any
// length begins with Options{MaxMessage: -1, MessageTime: -1}.
//
// Close closes with 1000, and waits as [Conn.Close] does; others get net.ErrClosed at once. If the
// rest of a character was never written it says so, and closes with 1007: its peer is not to take
// the text for whole. Nobody else may receive from c: that is [ErrNetConn].
func (c *Conn) NetConn(op frame.Opcode) net.Conn {
	if c.must(); messageType(op) == nil {
		c.mu.Lock()
		c.streamed = true
		c.mu.Unlock()
		c.handle.Post(&setStream{})
	}
	return &netConn{Conn: c, op: op, reads: newDeadline(), writes: newDeadline()}
}

// isStream reports whether a NetConn receives what comes.
func (c *Conn) isStream() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.streamed
}

type netConn struct {
	*Conn
	op            frame.Opcode
	reads, writes *deadline

	reading  sync.Mutex
	message  *messageReader // that is being read; nil: none
	skipping bool           // it is of the other type
	ended    error          // what every Read returns; nil: nothing ended it

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
	if len(p) == 0 || n.ended != nil {
		return 0, n.ended
	}
	for {
		if err := n.begin(); err != nil {
			return 0, n.failed(err)
		}
		k, err := n.message.Read(p)
		switch {
		case err == io.EOF:
			n.message = nil
		case err != nil:
			return 0, n.failed(err)
		case k > 0:
			return k, nil
		}
	}
}

// begin waits for a message to read, if none is being read, and passes over those of the other type.
func (n *netConn) begin() error {
	for n.message == nil || n.skipping {
		if n.message == nil {
			r, err := n.reader(n.reads, true)
			if err != nil {
				return err
			}
			n.message, n.skipping = r, r.op != n.op
			if n.skipping && !n.terms.SkipOthers {
				return &MessageTypeError{n.op, r.beginning()}
			}
		}
		if n.skipping {
			if err := n.message.skip(); err != nil {
				return err
			}
			n.message, n.skipping = nil, false
		}
	}
	return nil
}

// failed is what a Read returns that has failed with err.
func (n *netConn) failed(err error) error {
	var end *CloseError
	switch {
	case n.reads.isOver(): // our own Close may be what has ended it
		return net.ErrClosed
	case !errors.As(err, &end):
		return err
	case !ordinary(err):
		n.ended = err
	case n.message != nil && !n.skipping:
		n.ended = &UnfinishedError{err}
	default:
		n.ended = io.EOF
	}
	return n.ended
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
	n.writing.Lock() // which a Write does not hold for long any more
	left := len(n.begun)
	n.writing.Unlock()
	if left == 0 {
		return n.Conn.Close(frame.Normal, "")
	}
	n.Conn.Close(frame.InvalidPayload, "text ends within a character")
	return fmt.Errorf("sockets: text was closed within a character, of which %d bytes are not sent", left)
}

func (n *netConn) SetDeadline(t time.Time) error {
	n.reads.set(t)
	n.writes.set(t)
	return nil
}

func (n *netConn) SetReadDeadline(t time.Time) error  { n.reads.set(t); return nil }
func (n *netConn) SetWriteDeadline(t time.Time) error { n.writes.set(t); return nil }
