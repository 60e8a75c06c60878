package frame

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// piece is what one Next gave.
type piece struct {
	Header
	text string
}

// decode feeds p in one go and returns the pieces; the rest of p must not hold one.
func decode(t *testing.T, d *Decoder, p []byte) (pieces []piece, err *Error) {
	t.Helper()
	var f Frame
	for len(p) > 0 {
		n, ok, err := d.Next(p, &f)
		require.LessOrEqual(t, n, len(p))
		if err != nil {
			require.False(t, ok)
			return pieces, err
		}
		if !ok {
			require.Equal(t, len(p), n, "no whole piece, and not all used")
		}
		p = p[n:]
		if ok {
			pieces = append(pieces, piece{f.Header, f.String()})
		}
	}
	return pieces, nil
}

// RFC 6455 5.2 and 5.7: headers as they are on the wire.
func TestDecode(t *testing.T) {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	long, longer := strings.Repeat("x", 256), strings.Repeat("y", 65536)
	for _, tt := range []struct {
		name string
		d    Decoder
		wire string // in hexadecimal
		tail string // as it is
		want []piece
	}{
		{"unmasked text", Decoder{FromServer: true}, "81 05 48656c6c6f", "",
			[]piece{{Header{Fin: true, Opcode: OpText, Length: 5}, "Hello"}}},
		{"masked text", Decoder{}, "81 85 37fa213d 7f9f4d5158", "",
			[]piece{{Header{Fin: true, Opcode: OpText, Masked: true, Key: key, Length: 5}, "Hello"}}},
		{"fragments", Decoder{FromServer: true}, "01 03 48656c 80 02 6c6f", "",
			[]piece{{Header{Opcode: OpText, Length: 3}, "Hel"}, {Header{Fin: true, Length: 2}, "lo"}}},
		{"ping and pong", Decoder{FromServer: true}, "89 05 48656c6c6f 8a 00", "",
			[]piece{{Header{Fin: true, Opcode: OpPing, Length: 5}, "Hello"}, {Header{Fin: true, Opcode: OpPong}, ""}}},
		{"empty messages", Decoder{FromServer: true}, "81 00 82 00", "",
			[]piece{{Header{Fin: true, Opcode: OpText}, ""}, {Header{Fin: true, Opcode: OpBinary}, ""}}},
		{"empty fragments", Decoder{FromServer: true}, "02 00 00 00 80 00", "",
			[]piece{{Header{Opcode: OpBinary}, ""}, {Header{}, ""}, {Header{Fin: true}, ""}}},
		{"16 bit length", Decoder{FromServer: true}, "82 7e 0100", long,
			[]piece{{Header{Fin: true, Opcode: OpBinary, Length: 256}, long}}},
		{"64 bit length", Decoder{FromServer: true}, "82 7f 0000000000010000", longer,
			[]piece{{Header{Fin: true, Opcode: OpBinary, Length: 65536}, longer}}},
		{"control frame inside a message", Decoder{FromServer: true}, "01 01 61 89 01 70 80 01 62", "",
			[]piece{{Header{Opcode: OpText, Length: 1}, "a"}, {Header{Fin: true, Opcode: OpPing, Length: 1}, "p"}, {Header{Fin: true, Length: 1}, "b"}}},
		{"claimed bit", Decoder{FromServer: true, RSV: RSV1}, "41 01 61 80 01 62", "",
			[]piece{{Header{RSV: RSV1, Opcode: OpText, Length: 1}, "a"}, {Header{Fin: true, Length: 1}, "b"}}},
		{"a frame as long as the limit", Decoder{FromServer: true, MaxFrame: 5}, "81 05 48656c6c6f", "",
			[]piece{{Header{Fin: true, Opcode: OpText, Length: 5}, "Hello"}}},
		{"as many fragments as the limit", Decoder{FromServer: true, MaxFragments: 2}, "01 00 80 00 01 00 80 00", "",
			[]piece{{Header{Opcode: OpText}, ""}, {Header{Fin: true}, ""}, {Header{Opcode: OpText}, ""}, {Header{Fin: true}, ""}}},
		{"longest control frame", Decoder{FromServer: true}, "8a 7d", long[:125],
			[]piece{{Header{Fin: true, Opcode: OpPong, Length: 125}, long[:125]}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.d
			got, err := decode(t, &d, append(unhex(t, tt.wire), tt.tail...))
			require.Nil(t, err)
			assert.Equal(t, tt.want, got)
			assert.False(t, d.InFrame())
			assert.False(t, d.InMessage())
		})
	}
}

// RFC 6455 5.2, 5.4, 5.5: what may not stand where it stands, and how many bytes
// it takes to know. want is 0 where nothing is wrong.
var violations = []struct {
	name string
	d    Decoder
	wire string
	at   int
	want Code
}{
	{"5.1 unmasked to a server", Decoder{}, "81 05 48656c6c6f", 2, ProtocolError},
	{"5.1 unmasked empty ping to a server", Decoder{}, "89 00", 2, ProtocolError},
	{"5.1 masked to a client", Decoder{FromServer: true}, "81 85 37fa213d 7f9f4d5158", 2, ProtocolError},
	{"5.2 reserved opcode 3", Decoder{}, "83 80 00000000", 1, ProtocolError},
	{"5.2 reserved opcode 7", Decoder{}, "87 80 00000000", 1, ProtocolError},
	{"5.2 reserved opcode B", Decoder{}, "8b 80 00000000", 1, ProtocolError},
	{"5.2 reserved opcode F", Decoder{}, "8f 80 00000000", 1, ProtocolError},
	{"5.2 RSV1 nobody claimed", Decoder{}, "c1 80 00000000", 1, ProtocolError},
	{"5.2 RSV2 nobody claimed", Decoder{RSV: RSV1}, "a1 80 00000000", 1, ProtocolError},
	{"5.2 RSV3 nobody claimed", Decoder{RSV: RSV1}, "91 80 00000000", 1, ProtocolError},
	{"5.2 all bits, one claimed", Decoder{RSV: RSV1}, "f1 80 00000000", 1, ProtocolError},
	{"RFC 7692 6 RSV1 on a ping", Decoder{RSV: RSV1}, "c9 80 00000000", 1, ProtocolError},
	{"RFC 7692 6 RSV1 on a close", Decoder{RSV: RSV1}, "c8 80 00000000", 1, ProtocolError},
	{"RFC 7692 6.1 RSV1 on a continuation", Decoder{RSV: RSV1}, "41 80 00000000 c0 80 00000000", 7, ProtocolError},
	{"5.5 fragmented ping", Decoder{}, "09 80 00000000", 1, ProtocolError},
	{"5.5 fragmented close", Decoder{}, "08 80 00000000", 1, ProtocolError},
	{"5.5 ping of 126 bytes", Decoder{}, "89 fe 007e", 2, ProtocolError},
	{"5.5 pong of 64 bit length", Decoder{}, "8a ff 0000000000000001", 2, ProtocolError},
	{"5.5 close of 126 bytes", Decoder{FromServer: true}, "88 7e 007e", 2, ProtocolError},
	{"5.5.1 close of one byte", Decoder{}, "88 81 00000000 03", 2, ProtocolError},
	{"5.4 continuation of nothing", Decoder{}, "80 80 00000000", 1, ProtocolError},
	{"5.4 continuation after a whole message", Decoder{}, "81 80 00000000 80 80 00000000", 7, ProtocolError},
	{"5.4 continuation after the last", Decoder{}, "01 80 00000000 80 80 00000000 80", 13, ProtocolError},
	{"5.4 text inside a message", Decoder{}, "01 80 00000000 81 80 00000000", 7, ProtocolError},
	{"5.4 binary inside a message, after a ping", Decoder{}, "01 80 00000000 89 80 00000000 82", 13, ProtocolError},
	{"5.2 top bit of the length", Decoder{}, "82 ff 8000000000000000 00000000", 3, ProtocolError},
	{"5.2 all bits of the length", Decoder{MaxFrame: 1}, "82 ff ffffffffffffffff", 3, ProtocolError},
	{"5.2 125 in 16 bits", Decoder{}, "82 fe 007d 00000000", 4, ProtocolError},
	{"5.2 0 in 16 bits", Decoder{}, "82 fe 0000", 4, ProtocolError},
	{"5.2 65535 in 64 bits", Decoder{}, "82 ff 000000000000 ffff", 8, ProtocolError},
	{"5.2 5 in 64 bits", Decoder{FromServer: true}, "82 7f 0000000000000005", 8, ProtocolError},
	{"5.2 125 in 16 bits, over the limit too", Decoder{MaxFrame: 100}, "82 fe 007d", 4, ProtocolError},
	{"10.4 frame over the limit", Decoder{MaxFrame: 100}, "82 e5 00000000", 2, TooBig},
	{"10.4 control frame over the limit", Decoder{MaxFrame: 100}, "89 e5 00000000", 2, TooBig},
	{"10.4 frame over the limit, 16 bits", Decoder{MaxFrame: 256}, "82 fe 0101 00000000", 4, TooBig},
	{"10.4 frame far over the limit, 16 bits", Decoder{MaxFrame: 256}, "82 fe 0200", 3, TooBig},
	{"10.4 frame over the limit, 64 bits", Decoder{MaxFrame: 1 << 20}, "82 ff 0000000000100001", 10, TooBig},
	{"10.4 2^40 bytes", Decoder{MaxFrame: 1 << 20}, "82 ff 0000010000000000", 5, TooBig},
	{"10.4 the most there is", Decoder{MaxFrame: math.MaxInt64 - 1}, "82 ff 7fffffffffffffff", 10, TooBig},
	{"10.4 third fragment of two", Decoder{MaxFragments: 2}, "01 80 00000000 00 80 00000000 00", 13, PolicyViolation},
	{"10.4 only one fragment", Decoder{MaxFragments: 1}, "01 80 00000000 89 80 00000000 80", 13, PolicyViolation},

	{"a frame as long as there is, without a limit", Decoder{}, "82 ff 7fffffffffffffff 00000000", 0, 0},
	{"126 in 16 bits", Decoder{}, "82 fe 007e 00000000", 0, 0},
	{"65536 in 64 bits", Decoder{}, "82 ff 0000000000010000 00000000", 0, 0},
	{"as long as the limit, 16 bits", Decoder{MaxFrame: 256}, "82 fe 0100 00000000", 0, 0},
	{"as long as the limit, 64 bits", Decoder{MaxFrame: 1 << 20}, "82 ff 0000000000100000 00000000", 0, 0},
	{"control frames are no fragments", Decoder{MaxFragments: 2}, "01 80 00000000 89 80 00000000 8a 80 00000000 80 80 00000000", 0, 0},
	{"one fragment a message", Decoder{MaxFragments: 1}, "81 80 00000000 81 80 00000000", 0, 0},
	{"bits on a first frame only", Decoder{RSV: RSV1 | RSV3}, "51 80 00000000 80 80 00000000", 0, 0},
}

// A header is judged as soon as its bytes are there: not one byte before, not
// one later, and not differently when the rest has come as well.
func TestViolationsAtTheirEarliestByte(t *testing.T) {
	for _, tt := range violations {
		t.Run(tt.name, func(t *testing.T) {
			wire := unhex(t, tt.wire)

			d, seen, code := tt.d, 0, Code(0)
			for seen < len(wire) && code == 0 {
				_, err := decode(t, &d, bytes.Clone(wire[seen:seen+1]))
				if seen++; err != nil {
					code = err.Code
					assert.NotEmpty(t, err.Reason)
				}
			}
			assert.Equal(t, tt.want, code, "byte by byte")
			if tt.want != 0 {
				assert.Equal(t, tt.at, seen, "byte by byte")
			}

			d = tt.d
			_, err := decode(t, &d, bytes.Clone(wire))
			if tt.want == 0 {
				assert.Nil(t, err)
				return
			}
			require.NotNil(t, err, "in one go")
			assert.Equal(t, tt.want, err.Code, "in one go")

			d = tt.d
			_, err = decode(t, &d, bytes.Clone(wire[:tt.at]))
			require.NotNil(t, err, "in one go, no more than it takes")
			assert.Equal(t, tt.want, err.Code, "in one go, no more than it takes")
		})
	}
}

func TestFramesBeforeAViolationCount(t *testing.T) {
	d := Decoder{FromServer: true}
	got, err := decode(t, &d, unhex(t, "81 01 61 89 00 83"))
	require.NotNil(t, err)
	assert.Equal(t, []piece{{Header{Fin: true, Opcode: OpText, Length: 1}, "a"}, {Header{Fin: true, Opcode: OpPing}, ""}}, got)
}

// Fragments without a limit are counted, and the count never turns over into none.
func TestFragmentsWithoutEnd(t *testing.T) {
	d := Decoder{FromServer: true, message: true, fragments: math.MaxInt32 - 1}
	var f Frame
	for range 3 {
		_, ok, err := d.Next([]byte{0x00, 0x00}, &f)
		require.Nil(t, err)
		require.True(t, ok)
		assert.EqualValues(t, math.MaxInt32, d.fragments)
	}
}

// What the network chopped looks like fragments; the header alone is the first,
// and only it has the opcode and the bits.
func TestDataFrameInPieces(t *testing.T) {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	f := Text("Hello")
	f.RSV = RSV1
	wire := AppendMasked(nil, f, key)
	d := Decoder{RSV: RSV1}
	var got []piece
	for i := range wire {
		p, err := decode(t, &d, wire[i:i+1])
		require.Nil(t, err)
		got = append(got, p...)
		assert.Equal(t, i+1 < len(wire), d.InFrame(), "after byte %d", i)
		assert.Equal(t, i+1 < len(wire), d.InMessage(), "after byte %d", i)
	}
	head := Header{Masked: true, Key: key, Length: 5}
	first, last := head, head
	first.Opcode, first.RSV, last.Fin = OpText, RSV1, true
	assert.Equal(t, []piece{{first, ""}, {head, "H"}, {head, "e"}, {head, "l"}, {head, "l"}, {last, "o"}}, got)
}

// A header without its payload is a piece, once.
func TestHeaderAlone(t *testing.T) {
	d := Decoder{FromServer: true}
	got, err := decode(t, &d, unhex(t, "02 7f 0000010000000000"))
	require.Nil(t, err)
	assert.Equal(t, []piece{{Header{Opcode: OpBinary, Length: 1 << 40}, ""}}, got)
	assert.True(t, d.InFrame())

	var f Frame
	n, ok, err := d.Next(nil, &f)
	assert.Zero(t, n)
	assert.False(t, ok, "nothing new came")
	assert.Nil(t, err)

	got, err = decode(t, &d, []byte("abc"))
	require.Nil(t, err)
	assert.Equal(t, []piece{{Header{Length: 1 << 40}, "abc"}}, got)
}

// RFC 6455 5.4: a message is open between its frames, and over with its last.
func TestInMessage(t *testing.T) {
	d := Decoder{FromServer: true}
	for _, step := range []struct {
		wire           string
		frame, message bool
	}{
		{"01", true, true}, {"01", true, true}, {"61", false, true}, {"89 01", true, true}, {"70", false, true}, {"80 00", false, false}, {"89", true, true}, {"00", false, false},
	} {
		_, err := decode(t, &d, unhex(t, step.wire))
		require.Nil(t, err)
		assert.Equal(t, step.frame, d.InFrame(), "in frame after %s", step.wire)
		assert.Equal(t, step.message, d.InMessage(), "in message after %s", step.wire)
	}
}

// RFC 6455 5.5: a control frame comes whole, however it was chopped, and twice
// in a row out of the same bytes.
func TestControlFrameInPieces(t *testing.T) {
	key := [4]byte{1, 2, 3, 4}
	for _, size := range []int{0, 1, 4, 5, 125} {
		payload := noise(size)
		wire := AppendMasked(AppendMasked(nil, Ping(payload), key), Pong(payload), key)
		for cut := range len(wire) + 1 {
			var d Decoder
			p := bytes.Clone(wire)
			got, err := decode(t, &d, p[:cut])
			require.Nil(t, err)
			rest, err := decode(t, &d, p[cut:])
			require.Nil(t, err)
			got = append(got, rest...)
			require.Len(t, got, 2, "cut at %d", cut)
			for i, op := range []Opcode{OpPing, OpPong} {
				require.Equal(t, piece{Header{Fin: true, Opcode: op, Masked: true, Key: key, Length: int64(size)}, string(payload)}, got[i], "cut at %d", cut)
			}
		}
	}
}

// The payload lies where it arrived, unmasked, and nothing around it changes.
func TestDecodeInPlace(t *testing.T) {
	wire := AppendMasked(nil, Text("Hello"), [4]byte{1, 2, 3, 4})
	buf := append(bytes.Clone(wire), "next"...)
	var d Decoder
	var f Frame
	n, ok, err := d.Next(buf, &f)
	require.Nil(t, err)
	require.True(t, ok)
	assert.Equal(t, len(wire), n)
	assert.Same(t, &buf[6], &f.Payload[0])
	assert.Equal(t, "Hello"+"next", string(buf[6:]))
	assert.Equal(t, wire[:6], buf[:6])
}

func TestDecodeAllocatesNothing(t *testing.T) {
	key := [4]byte{1, 2, 3, 4}
	wire := AppendMasked(nil, Text("Hello"), key)
	wire = AppendMasked(wire, Ping([]byte("p")), key)
	wire = AppendMasked(wire, Fragment(OpBinary, false, make([]byte, 200)), key)
	wire = AppendMasked(wire, Fragment(OpContinuation, true, make([]byte, 70000)), key)
	buf := make([]byte, len(wire))
	d := &Decoder{MaxFrame: 1 << 20, MaxFragments: 4096}
	f := new(Frame)
	run := func(step int) func() {
		return func() {
			copy(buf, wire)
			for p := buf; len(p) > 0; {
				n, _, err := d.Next(p[:min(step, len(p))], f)
				if err != nil {
					t.Fatal(err)
				}
				p = p[n:]
			}
		}
	}
	assert.Zero(t, testing.AllocsPerRun(10, run(len(buf))), "whole")
	assert.Zero(t, testing.AllocsPerRun(10, run(7)), "in pieces, after the first control frame in pieces")
}

func BenchmarkDecode(b *testing.B) {
	for _, bb := range []struct{ size, frames int }{{0, 64}, {64, 1}, {64, 64}, {512, 1}, {8 << 10, 1}, {64 << 10, 1}} {
		for _, from := range []string{"client", "server"} {
			var wire []byte
			for range bb.frames {
				if f := Binary(noise(bb.size)); from == "server" {
					wire = Append(wire, f)
				} else {
					wire = AppendMasked(wire, f, [4]byte{1, 2, 3, 4})
				}
			}
			// Unmasking in place turns noise into other noise: headers stay.
			b.Run(fmt.Sprintf("%s/%dx%d", from, bb.frames, bb.size), func(b *testing.B) {
				d := Decoder{FromServer: from == "server", MaxFrame: 1 << 20, MaxFragments: 4096}
				var f Frame
				b.SetBytes(int64(len(wire)))
				b.ReportAllocs()
				for b.Loop() {
					for p := wire; len(p) > 0; {
						n, _, err := d.Next(p, &f)
						if err != nil {
							b.Fatal(err)
						}
						p = p[n:]
					}
				}
			})
		}
	}
}

// A decoder is spent by an error and by nothing else.
func TestSpent(t *testing.T) {
	var d Decoder
	var f Frame
	assert.False(t, d.Spent())
	hello := AppendMasked(nil, Text("hello"), [4]byte{1, 2, 3, 4})
	for len(hello) > 0 {
		n, _, err := d.Next(hello[:1], &f)
		require.Nil(t, err)
		assert.False(t, d.Spent())
		hello = hello[n:]
	}
	_, _, err := d.Next([]byte{0x83}, &f)
	require.NotNil(t, err)
	assert.True(t, d.Spent())
}
