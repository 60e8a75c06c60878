package pipeline

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// thrifty is the default chain of a server with a budget under its Assemble.
func thrifty(b *Budget) Stage {
	return Core{Budget: b}.Stage()
}

// compressing is the same with permessage-deflate.
func compressing(b *Budget) Stage {
	return Core{Budget: b, Deflate: &fresh, Codec: Codec{RSV: frame.RSV1}}.Stage()
}

// piece is a client's frame, or as much of one as there is of its payload.
func piece(op frame.Opcode, fin bool, payload string, more int) []byte {
	h := frame.Header{Fin: fin, Opcode: op, Masked: true, Length: int64(len(payload) + more)}
	return append(frame.AppendHeader(nil, h), payload...)
}

// begun is what a message costs that has begun, while it fits into its frame.
var begun = int64(footprint(frame.New(frame.OpText, 0)))

func TestBudgetCounts(t *testing.T) {
	type read struct {
		bytes []byte
		used  int64
	}
	binary, next := frame.OpBinary, frame.OpContinuation
	for _, tt := range []struct {
		name  string
		reads []read
	}{
		{"whole messages are free", []read{{piece(binary, true, "0123456789", 0), 0}, {piece(binary, true, "0123456789", 0), 0}}},
		{"a promise costs its frame", []read{{piece(binary, true, "", 1<<20), begun}, {[]byte("1"), begun}, {[]byte("2"), begun}}},
		{"part of a frame", []read{{piece(binary, true, "01234", 5), begun}, {[]byte("567"), begun}, {[]byte("89"), 0}}},
		{"fragments", []read{
			{piece(binary, false, "0123", 0), begun}, {piece(next, false, "", 0), begun}, {piece(next, false, "45", 2), begun}, {[]byte("67"), begun}, {piece(next, true, "8", 0), 0},
		}},
		{"empty ones", []read{{piece(binary, false, "", 0), begun}, {piece(next, true, "", 0), 0}, {piece(binary, false, "0", 0), begun}}},
		{"control frames are free", []read{{piece(binary, false, "0", 0), begun}, {piece(frame.OpPing, true, "0123", 0), begun}, {piece(frame.OpPing, true, "01", 2), begun}}},
		{"what it has space for", []read{{piece(binary, true, string(make([]byte, 100)), 1<<20), frameCost + 200}, {make([]byte, 100), frameCost + 200}, {make([]byte, 1), frameCost + 402}}},
		{"what was declared, if it is near", []read{{piece(binary, true, string(make([]byte, 8<<10)), 8<<10), frameCost + 16<<10}, {make([]byte, 8<<10), 0}}},
	} {
		for name, stage := range map[string]func(b *Budget) Stage{"core": thrifty, "links": func(b *Budget) Stage {
			return Chain(Assemble, Limit{}.Stage(), Text, b.Stage(), Closing{}.Stage(), Codec{}.Stage())
		}} {
			t.Run(tt.name+", "+name, func(t *testing.T) {
				b := &Budget{Max: 20 << 10}
				r := newRig(t, stage(b))
				for _, read := range tt.reads {
					r.read(read.bytes)
					assert.Equal(t, read.used, b.Used())
				}
				assert.Nil(t, r.hangup)
				r.up(&Lost{})
				assert.Zero(t, b.Used(), "after the end")
			})
		}
	}
}

// Who would go over it is ended with 1013, and nobody else.
func TestBudgetIsShared(t *testing.T) {
	const size, many = 200, 20
	const each = frameCost + size
	b := &Budget{Max: 10*each + each/2}
	stage := thrifty(b)
	var rigs []*rig
	for range many {
		r := newRig(t, stage)
		r.read(piece(frame.OpBinary, false, string(make([]byte, size)), 0))
		rigs = append(rigs, r)
	}
	for i, r := range rigs {
		require.Equal(t, i >= 10, r.hangup != nil, "%d", i)
		if i < 10 {
			continue
		}
		f, ok := r.sent(false)
		require.True(t, ok)
		code, _ := f.CloseStatus()
		assert.Equal(t, frame.TryAgainLater, code)
	}
	assert.Equal(t, int64(10*each), b.Used(), "what is refused is not held")

	r := newRig(t, stage)
	r.read(piece(frame.OpBinary, true, string(make([]byte, 2*each)), 0))
	assert.Len(t, r.ups, 1, "a message that comes whole needs none of it")

	for _, r := range rigs[:5] { // the connection ends, or the message does
		r.up(&Lost{})
	}
	for _, r := range rigs[5:10] {
		r.read(piece(frame.OpContinuation, true, "", 0))
		assert.Len(t, r.ups, 1)
	}
	assert.Zero(t, b.Used())
	for _, r := range rigs[10:] {
		r.end()
		assert.Equal(t, frame.TryAgainLater, r.closed.Code)
	}
	assert.Zero(t, b.Used())
}

// A Budget may be used to its last byte.
func TestBudgetIsFull(t *testing.T) {
	for most, used := range map[int64]int64{600: 600, 599: 300} {
		b := &Budget{Max: most}
		r := newRig(t, thrifty(b))
		r.up(&Hold{Bytes: 300})
		r.up(&Hold{Bytes: 300})
		assert.Equal(t, used, b.Used())
		assert.Equal(t, used == 300, r.hangup != nil)
	}
}

// From many goroutines at once it is neither exceeded nor lost.
func TestBudgetConcurrently(t *testing.T) {
	b := &Budget{Max: 1000}
	stage := thrifty(b)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				r := newRig(t, stage)
				for range 5 {
					if r.read(piece(frame.OpBinary, true, string(make([]byte, 100)), 1)); r.hangup != nil {
						break
					}
					r.read([]byte{0})
				}
				r.up(&Lost{})
			}
		})
	}
	all.Wait()
	assert.Zero(t, b.Used())
}

// Without a maximum it counts, and refuses nobody.
func TestBudgetOnlyCounts(t *testing.T) {
	b := new(Budget)
	r := newRig(t, thrifty(b))
	r.read(piece(frame.OpBinary, true, string(make([]byte, 1<<20)), 1))
	assert.Nil(t, r.hangup)
	assert.GreaterOrEqual(t, b.Used(), int64(1<<20))
}

// What is counted is what is held: never less, and little more than five times what has
// arrived, whatever comes and wherever it is read to.
func TestBudgetIsMemory(t *testing.T) {
	const declared = 1 << 20
	small := cap(frame.New(frame.OpText, 0).Payload)
	for range 20 { // lies idle, and must not be taken for two bytes
		f := frame.New(frame.OpBinary, declared)
		f.Release()
	}
	random := rand.New(rand.NewPCG(1, 2))
	trials := 200
	if testing.Short() {
		trials = 40
	}
	for range trials {
		b := new(Budget)
		a := new(assembler)
		bottom := &sinks{func(any) {}, func(any) {}}
		joinAll(bottom, bottom, a, &budgeted{Budget: b})
		arrived := 0
		for arrived < declared {
			space := Space{Max: declared - arrived}
			a.onUp(&space)
			n := min(1+random.IntN(1<<random.IntN(18)), declared-arrived)
			p := make([]byte, n)
			if len(space.Buf) > minDirectRead {
				n = min(n, len(space.Buf))
				p = space.Buf[:n]
			}
			arrived += n
			a.onUp(&frame.Frame{Header: frame.Header{Opcode: frame.OpBinary, Length: declared, Fin: arrived == declared}, Payload: p})
			if arrived == declared {
				break
			}
			held := cap(a.message.Payload)
			require.Equal(t, int64(footprint(a.message)), b.Used())
			require.Len(t, a.message.Payload, arrived)
			if arrived < 2<<10 {
				require.LessOrEqual(t, held, max(2*arrived, small), "%d have arrived", arrived)
			}
			require.LessOrEqual(t, held, max(5*arrived, small), "%d have arrived", arrived)
		}
		require.Zero(t, b.Used())
	}
}

// Two bytes of a megabyte hold what they take, and the driver is told no place to read to.
func TestAnnouncedLengthHoldsNothing(t *testing.T) {
	a := new(assembler)
	bottom := &sinks{func(any) {}, func(any) {}}
	joinAll(bottom, bottom, a)
	for _, p := range []string{"a", "b"} {
		a.onUp(&frame.Frame{Header: frame.Header{Opcode: frame.OpBinary, Length: 1 << 20}, Payload: []byte(p)})
		space := Space{Max: 1<<20 - 1}
		a.onUp(&space)
		assert.Nil(t, space.Buf)
		assert.Less(t, footprint(a.message), 1<<10)
	}
}

// live is the memory that is in use.
func live() int64 {
	runtime.GC()
	runtime.GC() // what lies in pools is free after the second
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64())
}

// It is memory that counts: what is taken is what is said, give or take what a connection
// is besides.
func TestBudgetIsAllMemory(t *testing.T) {
	begun := pieces(messageOf(t, prose(1, 30_000)), 4000)[0]
	compressed := frame.AppendMasked(nil, begun, [4]byte{})
	for name, sent := range map[string][]byte{
		"a promise of much": piece(frame.OpBinary, true, string(make([]byte, 10_000)), 1<<30),
		"a little":          piece(frame.OpBinary, true, "a", 1<<30),
		"compressed":        compressed,
		"13 bytes":          compressed[:13],
	} {
		t.Run(name, func(t *testing.T) {
			b := new(Budget)
			stage := compressing(b)
			const many, besides = 50, 6 << 10
			var rigs []*rig
			before := live()
			for range many {
				r := newRig(t, stage)
				r.onUp(&Input{Data: bytes.Clone(sent)})
				rigs = append(rigs, r)
			}
			taken := live() - before
			assert.Less(t, taken, b.Used()+many*int64(besides+len(sent)))
			for _, r := range rigs {
				r.up(&Lost{})
			}
			assert.Zero(t, b.Used())
		})
	}
}

// A frame begun and left holds a coder, and that counts: under 64 KiB there is no space for
// three hundred.
func TestBudgetCountsCoders(t *testing.T) {
	b := &Budget{Max: 64 << 10}
	stage := compressing(b)
	begun := frame.AppendMasked(nil, pieces(messageOf(t, prose(1, 1000)), 7)[0], [4]byte{})
	require.Len(t, begun, 13)
	var rigs []*rig
	for range 300 {
		r := newRig(t, stage)
		r.read(begun)
		rigs = append(rigs, r)
		require.LessOrEqual(t, b.Used(), b.Max)
	}
	ended := 0
	for _, r := range rigs {
		if r.hangup != nil {
			ended++
			require.Equal(t, frame.TryAgainLater, r.end().Code)
		}
	}
	assert.Greater(t, ended, 280)
	assert.NotZero(t, b.Used())
	for _, r := range rigs {
		r.up(&Lost{})
	}
	assert.Zero(t, b.Used())
}

// Windows that are kept from message to message count as well, in both directions, and
// compressors of messages in fragments.
func TestBudgetCountsWindows(t *testing.T) {
	b := new(Budget)
	r := newRig(t, Chain(takesOver.Stage(), b.Stage(), Closing{}.Stage(), Codec{RSV: frame.RSV1}.Stage()))
	r.read(frame.AppendMasked(nil, messageOf(t, prose(1, 100_000)), [4]byte{}))
	received := b.Used()
	assert.EqualValues(t, 32<<10, received)
	r.down(frame.Text(string(prose(1, 10_000))))
	sent := b.Used()
	assert.EqualValues(t, received+takeoverSize, sent)
	r.down(frame.Fragment(frame.OpText, false, prose(1, 100)))
	assert.EqualValues(t, sent+deflaterSize, b.Used())
	r.down(frame.Fragment(frame.OpContinuation, true, nil))
	assert.Equal(t, sent, b.Used())
	r.up(&Lost{})
	assert.Zero(t, b.Used())
}

// What the driver holds counts until the end, and a stage that is refused lets go.
func TestBudgetOfTheDriver(t *testing.T) {
	b := &Budget{Max: 1000}
	r := newRig(t, thrifty(b))
	r.up(&Hold{Bytes: 600})
	assert.EqualValues(t, 600, b.Used())
	m := &Hold{Bytes: 600}
	r.up(m)
	assert.True(t, m.Refused)
	assert.EqualValues(t, 600, b.Used())
	assert.NotNil(t, r.hangup)
	r.end()
	assert.Equal(t, frame.TryAgainLater, r.closed.Code)
	assert.Zero(t, b.Used())
	r.up(&Hold{Bytes: -600})
	assert.Zero(t, b.Used())
}
