package frame

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMakers(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    *Frame
		op   Opcode
		fin  bool
		text string
	}{
		{"empty text", Text(""), OpText, true, ""},
		{"small text", Text("hello"), OpText, true, "hello"},
		{"text that just fits", Text(strings.Repeat("x", inline)), OpText, true, strings.Repeat("x", inline)},
		{"long text", Text(strings.Repeat("x", inline+1)), OpText, true, strings.Repeat("x", inline+1)},
		{"binary", Binary([]byte{0, 255}), OpBinary, true, "\x00\xff"},
		{"ping", Ping([]byte("p")), OpPing, true, "p"},
		{"pong", Pong([]byte("q")), OpPong, true, "q"},
		{"first fragment", Fragment(OpText, false, []byte("a")), OpText, false, "a"},
		{"last fragment", Fragment(OpContinuation, true, []byte("b")), OpContinuation, true, "b"},
		{"new", New(OpBinary, 10), OpBinary, true, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Equal(t, Header{Fin: tt.fin, Opcode: tt.op}, tt.f.Header)
			assert.Equal(t, tt.text, tt.f.String())
		})
	}
}

func TestNewHasTheCapacityAskedFor(t *testing.T) {
	for _, size := range []int{0, 1, inline - 1, inline, inline + 1, 1000} {
		f := New(OpText, size)
		assert.Empty(t, f.Payload)
		require.GreaterOrEqual(t, cap(f.Payload), size)
		first := &f.Payload[:1:1][0:1][0]
		f.Payload = append(f.Payload, make([]byte, size)...)
		if size > 0 {
			assert.Same(t, first, &f.Payload[0], "size %d: appending must not move the payload", size)
		}
	}
}

func TestNewFillsItsSizeClass(t *testing.T) {
	assert.EqualValues(t, 128, unsafe.Sizeof(small{}), "a wider header wants a smaller inline")
}

// More than fits must leave the allocation that frame and payload share, never
// run over its end.
func TestNewOutgrown(t *testing.T) {
	f := New(OpText, 3)
	f.Payload = append(f.Payload, strings.Repeat("x", 1000)...)
	assert.Equal(t, Header{Fin: true, Opcode: OpText}, f.Header)
	assert.Equal(t, strings.Repeat("x", 1000), f.String())
}

func TestOpcode(t *testing.T) {
	reserved := map[Opcode]bool{3: true, 4: true, 5: true, 6: true, 7: true, 0xB: true, 0xC: true, 0xD: true, 0xE: true, 0xF: true}
	for op := Opcode(0); op < 16; op++ {
		assert.Equal(t, op >= 8, op.Control(), "%v", op)
		assert.Equal(t, reserved[op], op.reserved(), "%v", op)
	}
	assert.Equal(t, "continuation text binary close ping pong opcode 0xb", strings.Join([]string{
		OpContinuation.String(), OpText.String(), OpBinary.String(), OpClose.String(), OpPing.String(), OpPong.String(), Opcode(0xB).String(),
	}, " "))
}

var kept *Frame // makes a frame escape, as one that is sent does

func TestNewAllocates(t *testing.T) {
	short, long := strings.Repeat("x", inline), strings.Repeat("x", inline+1)
	p := []byte("payload")
	for _, tt := range []struct {
		name string
		make func()
		want float64
	}{
		{"small text", func() { kept = Text(short) }, 1},
		{"long text", func() { kept = Text(long) }, 2},
		{"binary", func() { kept = Binary(p) }, 1},
		{"close", func() { kept = Close(Normal, "bye") }, 1},
	} {
		assert.Equal(t, tt.want, testing.AllocsPerRun(100, tt.make), tt.name)
	}
}

// BenchmarkNew shows where one allocation for frame and payload stops to pay.
func BenchmarkNew(b *testing.B) {
	for _, bb := range []struct {
		name string
		size int
	}{{"8B", 8}, {"64B", 64}, {"inline", inline}, {"inline+1", inline + 1}, {"512B", 512}} {
		payload := make([]byte, bb.size)
		b.Run(bb.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f := New(OpBinary, bb.size)
				f.Payload = append(f.Payload, payload...)
				kept = f
			}
		})
		b.Run(bb.name+"/apart", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				kept = Binary(append(make([]byte, 0, bb.size), payload...))
			}
		})
	}
}
