package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
)

// Scanner finds the ends of answers in a stream of bytes, one scanner for each connection.
type Scanner interface {
	// Scan reads b, which it does not keep, and returns how many answers ended in it.
	Scan(b []byte) (int, error)
}

// FrameScanner is the Scanner for a server's frames. It reads headers, checks the length and the first bytes of each
// message that is not compressed, and skips everything else.
type FrameScanner struct {
	// Want is the payload that every message must have; only its length and its first eight bytes are looked at.
	Want []byte

	header [10]byte
	held   int   // bytes of an unfinished header
	left   int64 // payload bytes of the current frame still to come
	at     int64 // payload bytes of the current message so far
	fin    bool
	packed bool // the current message is compressed
	data   bool // the current frame is not a control frame
}

// Scan implements Scanner.
func (s *FrameScanner) Scan(b []byte) (int, error) {
	done := 0
	for len(b) > 0 {
		if s.left == 0 {
			n, whole, err := s.readHeader(b)
			if err != nil {
				return done, err
			}
			b = b[n:]
			if !whole {
				break
			}
		}
		n := min(int64(len(b)), s.left)
		if s.data {
			if err := s.check(b[:n]); err != nil {
				return done, err
			}
			s.at += n
		}
		b = b[n:]
		s.left -= n
		if s.left == 0 && s.data && s.fin {
			if !s.packed && s.at != int64(len(s.Want)) {
				return done, fmt.Errorf("load: message of %d bytes, want %d", s.at, len(s.Want))
			}
			s.at = 0
			done++
		}
	}
	return done, nil
}

func (s *FrameScanner) check(b []byte) error {
	const looked = 8
	if s.packed || s.at >= looked || len(b) == 0 {
		return nil
	}
	if s.at >= int64(len(s.Want)) {
		return fmt.Errorf("load: message longer than the %d bytes sent", len(s.Want))
	}
	want := s.Want[s.at:min(looked, len(s.Want))]
	n := min(len(b), len(want))
	if !bytes.Equal(b[:n], want[:n]) {
		return fmt.Errorf("load: message begins %q, want %q", b[:n], want[:n])
	}
	return nil
}

// readHeader returns how many bytes of b belong to the header, and whether it is whole.
func (s *FrameScanner) readHeader(b []byte) (n int, whole bool, err error) {
	h := b
	if s.held > 0 {
		copied := copy(s.header[s.held:], b)
		h = s.header[:s.held+copied]
	}
	size := 2
	if len(h) >= 2 {
		size = headerSize(h[1])
	}
	if len(h) < size {
		if s.held == 0 {
			copy(s.header[:], b)
		}
		s.held = len(h)
		return len(b), false, nil
	}
	n = size - s.held
	s.held = 0
	return n, true, s.begin(h[:size])
}

func headerSize(second byte) int {
	switch second & 0x7f {
	case 127:
		return 10
	case 126:
		return 4
	default:
		return 2
	}
}

func (s *FrameScanner) begin(h []byte) error {
	if h[1]&bitMasked != 0 {
		return fmt.Errorf("load: the server masked a frame")
	}
	length := uint64(h[1] & 0x7f)
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(h[2:]))
	case 127:
		length = binary.BigEndian.Uint64(h[2:])
	}
	if length > math.MaxInt64 {
		return fmt.Errorf("load: a frame of %d bytes", length)
	}
	s.left = int64(length)
	switch op := h[0] & 0x0f; op {
	case Text, Binary:
		s.data, s.fin, s.packed, s.at = true, h[0]&bitFin != 0, h[0]&bitCompressed != 0, 0
	case opContinuation:
		s.data, s.fin = true, h[0]&bitFin != 0
	case opPing, opPong:
		s.data = false
	case opClose:
		return fmt.Errorf("load: the server sent a Close frame")
	default:
		return fmt.Errorf("load: opcode %#x", op)
	}
	return nil
}
