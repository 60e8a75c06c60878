package frame

import (
	"bytes"
	"fmt"
	"math/big"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reading is what a stream of bytes tells, however it is chopped: headers of
// messages, payload bytes and control frames in their order, and how it failed.
type reading struct {
	events []string
	open   []byte // data since the last event
	code   Code   // 0: not failed
	at     int    // bytes it took to know
}

func (s *reading) event(format string, args ...any) {
	if len(s.open) > 0 {
		s.events, s.open = append(s.events, string(s.open)), nil
	}
	s.events = append(s.events, fmt.Sprintf(format, args...))
}

func (s *reading) first(op Opcode, rsv byte)      { s.event("%v %#x:", op, rsv) }
func (s *reading) data(p []byte)                  { s.open = append(s.open, p...) }
func (s *reading) last()                          { s.event("fin") }
func (s *reading) control(op Opcode, p []byte)    { s.event("%v %q", op, p) }
func (s *reading) fail(code Code, at int) reading { s.code, s.at = code, at; return s.end() }

func (s *reading) end() reading {
	s.event("end")
	return *s
}

// reader is a second decoder, made of RFC 6455 5.2 read aloud: slow, one byte at
// a time, and nothing in common with Decoder but its options.
type reader struct {
	d    Decoder
	rest []byte
	used int
	reading
}

func (r *reader) byte() (b int, ok bool) {
	if len(r.rest) == 0 {
		return 0, false
	}
	b, r.rest = int(r.rest[0]), r.rest[1:]
	r.used++
	return b, true
}

func (r *reader) fail(code Code) bool {
	r.code, r.at = code, r.used
	return false
}

func reference(d Decoder, p []byte) reading {
	r := &reader{d: d, rest: p}
	fragments := 0 // of the message that is open
	for r.frame(&fragments) {
	}
	return r.end()
}

// frame reads one frame; false: no more of them.
func (r *reader) frame(fragments *int) bool {
	b0, ok := r.byte()
	if !ok {
		return false
	}
	fin, rsv, op := b0 >= 128, b0&0b0111_0000, b0&0b1111
	switch op {
	case 0:
		if *fragments == 0 || rsv != 0 {
			return r.fail(1002)
		}
	case 1, 2:
		if *fragments > 0 || rsv != rsv&int(r.d.RSV) {
			return r.fail(1002)
		}
	case 8, 9, 10:
		if !fin || rsv != 0 {
			return r.fail(1002)
		}
	default:
		return r.fail(1002)
	}
	if op < 8 && r.d.MaxFragments > 0 && *fragments == r.d.MaxFragments {
		return r.fail(1008)
	}
	b1, ok := r.byte()
	if !ok {
		return false
	}
	masked, short := b1 >= 128, b1%128
	if masked == r.d.FromServer || op >= 8 && short > 125 || op == 8 && short == 1 {
		return r.fail(1002)
	}
	length, ok := r.length(short)
	if !ok {
		return false
	}
	var key []byte
	for masked && len(key) < 4 {
		k, ok := r.byte()
		if !ok {
			return false
		}
		key = append(key, byte(k))
	}
	if op == 1 || op == 2 {
		r.first(Opcode(op), byte(rsv))
	}
	return r.payload(op, fin, length, key, fragments)
}

// length judges after every byte, with all that may follow and all that may not.
func (r *reader) length(short int) (*big.Int, bool) {
	limit := big.NewInt(r.d.MaxFrame)
	over := func(n *big.Int) bool { return limit.Sign() > 0 && n.Cmp(limit) > 0 }
	if short < 126 {
		n := big.NewInt(int64(short))
		if over(n) {
			return nil, r.fail(1009)
		}
		return n, true
	}
	size, shortest := 2, int64(126)
	if short == 127 {
		size, shortest = 8, 65536
	}
	n := new(big.Int)
	for left := size - 1; left >= 0; left-- {
		b, ok := r.byte()
		if !ok {
			return nil, false
		}
		n.Add(n.Lsh(n, 8), big.NewInt(int64(b)))
		least := new(big.Int).Lsh(n, uint(8*left))
		most := new(big.Int).Lsh(big.NewInt(1), uint(8*left))
		most.Add(most.Sub(most, big.NewInt(1)), least)
		switch {
		case least.BitLen() > 63, most.Cmp(big.NewInt(shortest)) < 0:
			return nil, r.fail(1002)
		case over(least):
			return nil, r.fail(1009)
		}
	}
	return n, true
}

func (r *reader) payload(op int, fin bool, length *big.Int, key []byte, fragments *int) bool {
	var p []byte
	for i := 0; length.Cmp(big.NewInt(int64(i))) > 0; i++ {
		b, ok := r.byte()
		if !ok {
			if op < 8 { // what came of it was passed on
				r.data(p)
			}
			return false
		}
		if key != nil {
			b ^= int(key[i%4])
		}
		p = append(p, byte(b))
	}
	if op >= 8 {
		r.control(Opcode(op), p)
		return true
	}
	r.data(p)
	*fragments++
	if fin {
		*fragments = 0
		r.last()
	}
	return true
}

// tell runs p through d in pieces of the given sizes, around and around; none
// means all at once. A failure must come with the piece that holds byte at.
func tell(t *testing.T, d Decoder, p []byte, cuts []byte) reading {
	var s reading
	var f Frame
	fed := 0
	for i := 0; fed < len(p); i++ {
		size := len(p) - fed
		if len(cuts) > 0 {
			// Zeros alone would never end: each round is longer.
			size = min(size, int(cuts[i%len(cuts)])+i/len(cuts))
		}
		chunk := bytes.Clone(p[fed : fed+size])
		fed += size
		for first := true; first || len(chunk) > 0; first = false {
			n, ok, err := d.Next(chunk, &f)
			if err != nil {
				return s.fail(err.Code, fed)
			}
			require.LessOrEqual(t, n, len(chunk))
			require.True(t, ok || n == len(chunk), "no whole piece, and not all used")
			chunk = chunk[n:]
			switch {
			case !ok:
			case f.Opcode.Control():
				require.True(t, f.Fin)
				require.EqualValues(t, f.Length, len(f.Payload))
				s.control(f.Opcode, f.Payload)
			default:
				if f.Opcode != OpContinuation {
					s.first(f.Opcode, f.RSV)
				}
				s.data(f.Payload)
				if f.Fin {
					s.last()
				}
			}
		}
	}
	return s.end()
}

// Any split of any bytes gives the same reading, the one of the slow reader.
func FuzzDecoder(f *testing.F) {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	talk := func(masked bool) (p []byte) {
		for _, fr := range []*Frame{
			Text("Hello"), Ping([]byte("p")), Fragment(OpBinary, false, noise(130)), Pong(nil),
			Fragment(OpContinuation, false, nil), Fragment(OpContinuation, true, []byte("end")), Close(Normal, "bye"), Text("after"),
		} {
			if masked {
				p = AppendMasked(p, fr, key)
			} else {
				p = Append(p, fr)
			}
		}
		return p
	}
	f.Add(false, byte(0), int64(0), uint16(0), talk(true), []byte{1})
	f.Add(true, byte(0), int64(0), uint16(0), talk(false), []byte{3, 0, 7})
	f.Add(false, RSV1, int64(129), uint16(2), talk(true), []byte{})
	f.Add(true, RSV1|RSV2, int64(1<<20), uint16(4096), AppendHeader(nil, Header{Opcode: OpText, RSV: RSV1, Length: 1 << 40}), []byte{2})
	f.Add(false, byte(0), int64(0), uint16(0), Append(nil, Binary(noise(70000)))[:300], []byte{100})
	f.Add(true, byte(0), int64(0), uint16(0), Append(nil, Binary(noise(66000))), []byte{255})
	f.Add(false, byte(0), int64(0), uint16(0), AppendMasked(nil, Ping(noise(84)), key), []byte{79})
	for _, v := range violations {
		f.Add(v.d.FromServer, v.d.RSV, v.d.MaxFrame, uint16(v.d.MaxFragments), unhex(f, v.wire), []byte{1})
	}
	f.Fuzz(func(t *testing.T, fromServer bool, rsv byte, maxFrame int64, maxFragments uint16, p, cuts []byte) {
		d := Decoder{FromServer: fromServer, RSV: rsv & 0x70, MaxFrame: max(0, maxFrame), MaxFragments: int(maxFragments)}
		want := reference(d, p)

		assert.Equal(t, want, tell(t, d, p, bytes.Repeat([]byte{1}, len(p))), "byte by byte")
		for _, got := range []reading{tell(t, d, p, nil), tell(t, d, p, cuts)} {
			assert.Equal(t, want.events, got.events)
			assert.Equal(t, want.code, got.code)
			assert.GreaterOrEqual(t, got.at, want.at)
		}
		if want.code != 0 {
			assert.Equal(t, want, tell(t, d, p[:want.at], nil), "no more than it takes")
			assert.Zero(t, tell(t, d, p[:want.at-1], nil).code, "one byte less than it takes")
		}
	})
}
