package pipeline

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// What may stand in a Core stands where a Chain would have it.
func TestCoreWithEverything(t *testing.T) {
	budget := &Budget{Max: 1000}
	var above []any
	r := newRig(t, Core{
		Above:   Tap(func(item any) { above = append(above, item) }, nil),
		Budget:  budget,
		Limit:   Limit{Message: 1 << 10},
		Deflate: &Deflate{},
		Closing: Closing{},
		Codec:   Codec{RSV: frame.RSV1},
	}.Stage())
	above = nil
	r.read([]byte{0x01, 0x81, 0, 0, 0, 0, 'a'}) // a fragment, in the budget
	assert.Equal(t, begun, budget.Used())
	assert.Empty(t, above)
	r.read([]byte{0x80, 0x81, 0, 0, 0, 0, 'b'})
	assert.Zero(t, budget.Used())
	require.Len(t, above, 1) // whole
	assert.Equal(t, "ab", text(above[0]))
	r.read([]byte{0xc1, 0x87, 0, 0, 0, 0, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00}) // RFC 7692 7.2.3.1
	require.Len(t, above, 2)
	assert.Equal(t, "Hello", text(above[1]))
	r.read([]byte{0xc1, 0x81, 0, 0, 0, 0, 0xff})
	require.NotNil(t, r.hangup)
	f, _, err := parse(r.out, false)
	require.NoError(t, err)
	code, _ := f.CloseStatus()
	assert.Equal(t, frame.InvalidPayload, code)
}

// BenchmarkBuild is what the stages of a connection cost to make: as New makes them,
// and as a Chain.
func BenchmarkBuild(b *testing.B) {
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		top, core := terms{}.parts()
		for b.Loop() {
			New(nobody{}, top, core)
		}
	})
	b.Run("chain", func(b *testing.B) {
		b.ReportAllocs()
		stage := terms{}.links()
		for b.Loop() {
			stage(func(any) {}, func(any) {})
		}
	})
}

type nobody struct{}

func (nobody) Deliver(any)     {}
func (nobody) Emit(any)        {}
func (nobody) Outcome(*Closed) {}

// An idle connection keeps its stages. Memory comes in sizes, and over 512 bytes Go adds 8 that say where the pointers are:
// one byte more than 568 takes 640 (make idle).
func TestSizeOfAPipeline(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) < 8 || frame.Debug {
		t.Skip("pointers are smaller here, or more is kept to be checked")
	}
	assert.LessOrEqual(t, unsafe.Sizeof(whole{}), uintptr(568), "what a stage needs for what is seldom there it makes then")
}
