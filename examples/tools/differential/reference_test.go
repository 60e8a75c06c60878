package differential

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
)

// most is how long a message may be: longer than what passes whatever its ratio.
const most = 3 << 19

// corrupt reports whether err says that something is not DEFLATE.
func corrupt(err error) bool {
	var c flate.CorruptInputError
	return errors.As(err, &c)
}

// reference inflates messages with compress/flate and a window that is kept by
// hand: gorilla knows nothing of context takeover and window bits.
type reference struct {
	takeover bool
	size     int // of the window between two messages
	window   []byte
}

// inflated is what the reference makes of a message.
type inflated struct {
	payload []byte
	err     error // nil; errTooLong; corrupt; or io.ErrUnexpectedEOF, which is no fault before the message has ended
	ratio   int   // the highest that it had, of 64 KiB and more
	early   bool  // a block that says it is the final one is not, or the message has none
}

// tail is what follows a message: what its sender took off (RFC 7692 7.2.2), and a
// final block.
const tail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

func (r *reference) inflate(p []byte, fin bool) (m inflated) {
	if len(p) == 0 {
		m.early = true
		if m.err = io.ErrUnexpectedEOF; fin { // nothing is nothing: strictly it is no DEFLATE
			m.err = nil
		}
		return m
	}
	if fin {
		p = append(bytes.Clone(p), tail...)
	}
	in := bytes.NewReader(p)
	history := bytes.Clone(r.window)
	for {
		z := flate.NewReaderDict(in, history)
		for buf := make([]byte, 4<<10); m.err == nil; {
			var n int
			n, m.err = z.Read(buf)
			m.payload = append(m.payload, buf[:n]...)
			history = latest(append(history, buf[:n]...), 32<<10)
			if made := len(m.payload); made > 1<<20 {
				m.ratio = max(m.ratio, made/(len(p)-in.Len()))
			}
			if len(m.payload) > most {
				m.err = errTooLong
			}
		}
		switch left := in.Len(); {
		case m.err != io.EOF:
			return m
		case !fin && left == 0:
			m.early, m.err = true, io.ErrUnexpectedEOF
			return m
		case left == 0, fin && left == len(tail):
			m.early = m.early || left > 0
			if m.err = nil; r.takeover {
				r.window = latest(append(r.window, m.payload...), r.size)
			}
			return m
		}
		m.early, m.err = true, nil // RFC 7692 7.2.3.4: more blocks follow the final one
	}
}

func latest(p []byte, size int) []byte { return p[max(0, len(p)-size):] }
