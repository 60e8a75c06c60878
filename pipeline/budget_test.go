package pipeline

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// thrifty is the default chain of a server with a budget under its Assemble.
func thrifty(b *Budget) Stage {
	return Chain(Assemble, b.Stage(), Limit{}.Stage(), Text, Closing{}.Stage(), Codec{}.Stage())
}

// piece is a client's frame, or as much of one as there is of its payload.
func piece(op frame.Opcode, fin bool, payload string, more int) []byte {
	h := frame.Header{Fin: fin, Opcode: op, Masked: true, Length: int64(len(payload) + more)}
	return append(frame.AppendHeader(nil, h), payload...)
}

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
		{"a promise is free", []read{{piece(binary, true, "", 1<<20), 0}}},
		{"part of a frame", []read{{piece(binary, true, "01234", 5), 5}, {[]byte("567"), 8}, {[]byte("89"), 0}}},
		{"fragments", []read{
			{piece(binary, false, "0123", 0), 4}, {piece(next, false, "", 0), 4}, {piece(next, false, "45", 2), 6}, {[]byte("67"), 8}, {piece(next, true, "8", 0), 0},
		}},
		{"empty ones", []read{{piece(binary, false, "", 0), 0}, {piece(next, true, "", 0), 0}, {piece(binary, false, "0", 0), 1}}},
		{"control frames are free", []read{{piece(binary, false, "0", 0), 1}, {piece(frame.OpPing, true, "0123", 0), 1}, {piece(frame.OpPing, true, "01", 2), 1}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := &Budget{Max: 10}
			r := newRig(t, thrifty(b))
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

// Who would go over it is ended with 1013, and nobody else.
func TestBudgetIsShared(t *testing.T) {
	const each, many = 100, 20
	b := &Budget{Max: 10*each + each/2}
	stage := thrifty(b)
	var rigs []*rig
	for range many {
		r := newRig(t, stage)
		r.read(piece(frame.OpBinary, false, string(make([]byte, each)), 0))
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
	assert.Equal(t, int64(1<<20), b.Used())
}

// It is what arrived that takes memory, and not more than five times as much.
func TestBudgetIsMemory(t *testing.T) {
	b := new(Budget)
	stage := thrifty(b)
	const many, size = 50, 10_000
	before := allocated()
	for range many {
		newRig(t, stage).read(piece(frame.OpBinary, true, string(make([]byte, size)), 1<<30))
	}
	assert.Equal(t, int64(many*size), b.Used())
	assert.Less(t, allocated()-before, uint64(many*(5*size+3*size+4<<10)), "three copies are the test's own")
}
