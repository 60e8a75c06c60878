package pipeline

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// data is a piece of a frame that declares length bytes.
func data(op frame.Opcode, fin bool, length int64, payload []byte) *frame.Frame {
	return &frame.Frame{Header: frame.Header{Opcode: op, Fin: fin, Length: length}, Payload: payload}
}

// Space is made for what the frame at hand declares: what an earlier one declared, or what
// has come of this one, counts no more.
func TestAssembleGrowsByTheFrame(t *testing.T) {
	a := new(assembler)
	var whole *frame.Frame
	ends := &sinks{func(item any) { whole = item.(*frame.Frame) }, func(any) {}}
	joinAll(ends, ends, a)
	a.onUp(data(frame.OpBinary, false, 100, make([]byte, 100)))
	a.onUp(data(frame.OpContinuation, false, 40_000, make([]byte, 20_000)))
	require.GreaterOrEqual(t, cap(a.message.Payload), 40_100)
	require.Less(t, cap(a.message.Payload), 50_000)
	a.onUp(data(frame.OpContinuation, false, 40_000, make([]byte, 20_000)))
	require.Less(t, cap(a.message.Payload), 50_000)
	a.onUp(data(frame.OpContinuation, true, 10, make([]byte, 10)))
	require.Len(t, whole.Payload, 40_110)
}

// The driver reads to where the bytes of a message belong, as far as they are that
// message's; nowhere else.
func TestSpaceIsInTheMessage(t *testing.T) {
	a := new(assembler)
	var whole *frame.Frame
	ends := &sinks{func(item any) { whole = item.(*frame.Frame) }, func(any) {}}
	joinAll(ends, ends, a)
	space := func(most int) []byte {
		r := Space{Max: most}
		a.onUp(&r)
		return r.Buf
	}
	assert.Nil(t, space(1<<20), "no message")
	a.onUp(data(frame.OpBinary, false, 20_000, make([]byte, 10_000)))
	assert.Len(t, space(10_000), 10_000)
	assert.Len(t, space(100), 100)
	assert.Nil(t, space(0))
	buf := space(10_000)
	buf[0], buf[9_999] = 1, 2
	a.onUp(data(frame.OpContinuation, false, 20_000, buf))
	assert.Equal(t, &buf[0], &a.message.Payload[10_000], "where it was read to")
	assert.Nil(t, space(1<<20), "the frame is through")
	a.onUp(data(frame.OpContinuation, false, 10<<20, make([]byte, 300_000)))
	assert.Len(t, space(10<<20), maxDirectRead)
	a.onUp(data(frame.OpContinuation, true, 0, nil))
	require.Len(t, whole.Payload, 320_000)
	assert.EqualValues(t, []byte{1, 2}, []byte{whole.Payload[10_000], whole.Payload[19_999]})
	assert.Nil(t, space(1<<20), "the message is through")
}

// As long as more than a little is to come there is space to read it to, from the first 8 KiB
// on, and never for more than is to come.
func TestSpaceIsNeverTooSmall(t *testing.T) {
	const length = 1 << 20
	a := new(assembler)
	ends := &sinks{func(any) {}, func(any) {}}
	joinAll(ends, ends, a)
	r := Space{Max: length}
	a.onUp(data(frame.OpBinary, false, length, make([]byte, minDirectRead-1)))
	a.onUp(&r)
	require.Nil(t, r.Buf)
	a.onUp(data(frame.OpBinary, false, length, make([]byte, 1)))
	for rest := length - minDirectRead; rest > 0; {
		r.Buf = nil
		a.onUp(&r)
		require.GreaterOrEqual(t, len(r.Buf), min(rest, minDirectRead))
		n := min(len(r.Buf), 5000)
		a.onUp(data(frame.OpContinuation, false, length, r.Buf[:n]))
		rest -= n
	}
}

// A message over StreamOver goes up in pieces: from its first byte if its header says so, else
// with what there is of it as the first piece. What is asked of the Budget for it is given
// back. One that is not longer comes whole.
func TestAssemblePassesLongMessages(t *testing.T) {
	type piece struct {
		op  frame.Opcode
		fin bool
		n   int
	}
	const text, rest = frame.OpText, frame.OpContinuation
	for name, test := range map[string]struct {
		in   []*frame.Frame
		want []piece
	}{
		"whole":         {[]*frame.Frame{data(text, true, 100, make([]byte, 100))}, []piece{{text, true, 100}}},
		"long, at once": {[]*frame.Frame{data(text, true, 200, make([]byte, 200))}, []piece{{text, true, 200}}},
		"in fragments": {[]*frame.Frame{
			data(text, false, 50, make([]byte, 50)), data(rest, true, 50, make([]byte, 50)),
		}, []piece{{text, true, 100}}},
		"declared": {[]*frame.Frame{
			data(text, false, 101, make([]byte, 1)), data(rest, true, 101, make([]byte, 100)),
		}, []piece{{text, false, 1}, {rest, true, 100}}},
		"arrived": {[]*frame.Frame{
			data(text, false, 0, make([]byte, 60)), data(rest, false, 0, make([]byte, 40)),
			data(rest, false, 0, make([]byte, 1)), data(rest, true, 0, nil),
		}, []piece{{text, false, 100}, {rest, false, 1}, {rest, true, 0}}},
		"with the last": {[]*frame.Frame{
			data(text, false, 60, make([]byte, 60)), data(rest, true, 41, make([]byte, 41)),
		}, []piece{{text, false, 60}, {rest, true, 41}}},
		"declared by a later frame": {[]*frame.Frame{
			data(text, false, 60, make([]byte, 60)), data(rest, false, 500, make([]byte, 1)), data(rest, true, 500, make([]byte, 499)),
		}, []piece{{text, false, 60}, {rest, false, 1}, {rest, true, 499}}},
	} {
		t.Run(name, func(t *testing.T) {
			a := &assembler{over: 100}
			var got []piece
			held := 0
			ends := &sinks{func(item any) {
				f := item.(*frame.Frame)
				got = append(got, piece{f.Opcode, f.Fin, len(f.Payload)})
			}, func(item any) { held += item.(*Hold).Bytes }}
			joinAll(ends, ends, a)
			for range 2 { // the second message as the first
				got = nil
				for _, f := range test.in {
					a.onUp(f)
				}
				assert.Equal(t, test.want, got)
				assert.Zero(t, held)
			}
		})
	}
}

// Limits.Stream has messages go up in pieces, the one under way as well, whose memory is given back.
func TestAssembleBecomesAStream(t *testing.T) {
	for name, top := range map[string]func() layer{
		"Assemble": func() layer { return new(assembler) },
		"Stream":   func() layer { return new(streamer) },
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			held := 0
			ends := &sinks{func(item any) {
				f := item.(*frame.Frame)
				got = append(got, fmt.Sprint(f.Opcode, " ", f.Fin, " ", f))
			}, func(item any) {
				if h, ok := item.(*Hold); ok {
					held += h.Bytes
				}
			}}
			l := &limiter{Limit: new(Limit)}
			lowest, highest := joinAll(ends, ends, top(), l)
			lowest.onUp(data(frame.OpText, false, 3, []byte("abc")))
			if name == "Assemble" {
				require.Empty(t, got)
				require.Positive(t, held)
			}
			highest.onDown(&Limits{Stream: true})
			require.Equal(t, []string{"text false abc"}, got)
			require.Zero(t, held)
			lowest.onUp(data(frame.OpContinuation, false, 3, []byte("def")))
			lowest.onUp(data(frame.OpContinuation, true, 0, nil))
			lowest.onUp(data(frame.OpBinary, false, 100, []byte("of a hundred")))
			highest.onDown(&Limits{Stream: true})
			require.Equal(t, []string{"text false abc", "continuation false def", "continuation true ", "binary false of a hundred"}, got)
		})
	}
}
