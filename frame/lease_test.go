package frame

import (
	"bytes"
	"fmt"
	"math"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
)

func TestClass(t *testing.T) {
	for _, tt := range []struct{ size, capacity int }{
		{4096, 4096}, {4097, 5120}, {5120, 5120}, {5121, 6144}, {6145, 7168}, {7169, 8192}, {8192, 8192}, {8193, 10240},
		{64 << 10, 64 << 10}, {1<<20 - 1, 1 << 20}, {1 << 20, 1 << 20}, {1<<20 + 1, 5 << 18},
	} {
		_, capacity := class(tt.size)
		assert.Equal(t, tt.capacity, capacity, "%d", tt.size)
	}
	last := -1
	for size := leased; size < 1<<20; size += 13 {
		k, capacity := class(size)
		again, same := class(capacity)
		switch {
		case capacity < size || capacity > size+size/4+1:
			t.Fatalf("%d bytes lie in %d", size, capacity)
		case k < last:
			t.Fatalf("classes do not rise with the size: %d", size)
		case k != again || capacity != same:
			t.Fatalf("memory does not come back to where it was taken from: %d", size)
		}
		last = k
	}
	k, _ := class(math.MaxInt/2 + 1)
	assert.Less(t, k, len(leases))
}

// memory is where a payload lies.
func memory(f *Frame) *byte { return unsafe.SliceData(f.Payload[:1]) }

// made is a frame of size bytes, all of them fill.
func made(size int, fill byte) *Frame {
	f := New(OpBinary, size)
	f.Payload = append(f.Payload, bytes.Repeat([]byte{fill}, size)...)
	return f
}

func TestRelease(t *testing.T) {
	for _, tt := range []struct {
		name   string
		make   func() *Frame
		leased bool
	}{
		{"none at all", func() *Frame { return Close(NoStatus, "") }, false},
		{"inline", func() *Frame { return Text("hello") }, false},
		{"below the limit", func() *Frame { return New(OpBinary, leased-1) }, false},
		{"at the limit", func() *Frame { return New(OpBinary, leased) }, true},
		{"control", func() *Frame { return New(OpPing, leased) }, false},
		{"long text", func() *Frame { return Text(string(noise(70_000))) }, true},
		{"kept from the caller", func() *Frame { return Binary(noise(70_000)) }, false},
		{"text kept from the caller", func() *Frame { return TextBytes(noise(70_000)) }, false},
		{"grown", func() *Frame { f := New(OpText, 0); f.Grow(leased, 0); return f }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.make()
			assert.Equal(t, tt.leased, f.lease != nil)
			before := bytes.Clone(f.Payload)
			f.Sent()
			assert.Equal(t, before, f.Payload, "it was not handed over")
			assert.Same(t, f, f.Handover())
			assert.Equal(t, before, f.Payload, "it was not sent")
			f.Sent()
			switch {
			case Debug:
			case tt.leased:
				assert.Nil(t, f.Payload)
			default:
				assert.Equal(t, before, f.Payload)
			}
		})
	}
}

// What was not released is nobody else's, whatever becomes of the others.
func TestMemoryHasOneOwner(t *testing.T) {
	const rounds, sizes = 200, 5
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			kept := map[*byte]*Frame{}
			fill := func(n int) byte { return byte(n*4 + worker) }
			for n := range rounds {
				size := leased + (n%sizes)*1000
				if n%3 == 0 {
					size = inline
				}
				f := made(size, fill(n))
				if old, taken := kept[memory(f)]; taken {
					assert.Fail(t, "memory of a frame that is still there", "%d", old.Payload[0])
				}
				switch n % 4 {
				case 0:
					kept[memory(f)] = f
				case 1:
					f.Release()
				case 2:
					f.Handover().Sent()
				default: // sent to many, and not handed over
					f.Sent()
					f.Sent()
					kept[memory(f)] = f
				}
			}
			for _, f := range kept {
				if !bytes.Equal(f.Payload, bytes.Repeat(f.Payload[:1], len(f.Payload))) || int(f.Payload[0])%4 != worker {
					assert.Fail(t, "a frame that was kept has changed")
				}
			}
		})
	}
	all.Wait()
}

func TestGrow(t *testing.T) {
	const k = 1 << 10
	for _, tt := range []struct {
		name             string
		held, size, want int // bytes
		least, most      int
	}{
		{"enough there", 100, 50, 1000, 100, 100},
		{"as asked", 0, 200, 0, 200, 200},
		{"doubles", 1000, 1001, 0, 2000, 2048},
		{"what is wanted", 10, 100, 180, 180, 192},
		{"what is wanted is too much", 10, 100, math.MaxInt, 200, 208},
		{"just under a lease", 10, leased - 1, math.MaxInt, 2*leased - 2, 2 * leased},
		{"exactly what is there", 1000, 1000, 5000, 1000, 1000},
		{"not worth doubling", 1000, 1500, 0, 1500, 1536},
		{"just a lease", 10, leased, math.MaxInt, 4 * leased, 4 * leased},
		{"into a lease", 100, 5 * k, 0, 5 * k, 5 * k},
		{"of a lease", 5 * k, 6 * k, 0, 10 * k, 10 * k},
		{"wanted, of a lease", 64 * k, 128 * k, 1 << 20, 512 * k, 512 * k},
		{"to the very end", 64 * k, 80 * k, 100 * k, 100 * k, 112 * k},
		{"in many frames", 64 * k, 65 * k, 66 * k, 128 * k, 128 * k},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := New(OpBinary, tt.held)
			text := noise(tt.held)
			f.Payload = append(f.Payload, text...)
			f.Grow(tt.size, tt.want)
			assert.GreaterOrEqual(t, cap(f.Payload), tt.least)
			assert.LessOrEqual(t, cap(f.Payload), tt.most)
			assert.LessOrEqual(t, cap(f.Payload), max(tt.held, 5*tt.size))
			assert.True(t, bytes.Equal(text, f.Payload))
		})
	}
}

// Memory that has grown with a message is found again by the next of that length, once
// enough of it has arrived.
func TestGrowFindsItAgain(t *testing.T) {
	if Debug {
		t.Skip("a debug build never uses memory again")
	}
	const length, piece = 1<<20 - 3, 32 << 10
	for _, read := range []int{piece, 4 * piece} {
		found := false
		for range 100 {
			f := New(OpBinary, 0)
			for n := 0; n < length; n += read {
				f.Grow(min(n+read, length), length)
				f.Payload = f.Payload[:min(n+read, length)]
			}
			was := memory(f)
			f.Release()
			f = New(OpBinary, 0)
			f.Grow(length/growthLimit/2, length)
			assert.Less(t, cap(f.Payload), length, "idle memory is not taken on a promise either")
			f = New(OpBinary, 0)
			f.Grow(length/growthLimit+1, length)
			if f.Payload = f.Payload[:1]; memory(f) == was {
				found = true
				break
			}
		}
		assert.True(t, found, "not in a hundred times")
	}
}

// A message that grows leaves its smaller memory to others, and only that.
func TestGrowReleases(t *testing.T) {
	f := made(leased, 'a')
	other := made(leased, 'b')
	f.Grow(2*leased, 0)
	var later []*Frame
	for range 10 {
		later = append(later, made(leased, 'c'))
	}
	assert.Equal(t, bytes.Repeat([]byte{'a'}, leased), f.Payload)
	assert.Equal(t, bytes.Repeat([]byte{'b'}, leased), other.Payload)
	for _, g := range later {
		assert.NotSame(t, memory(f), memory(g))
		assert.NotSame(t, memory(other), memory(g))
	}
}

// Released, 8 KiB cost the frame alone: neither memory nor lease.
func TestReleaseAllocates(t *testing.T) {
	if Debug {
		t.Skip("a debug build never uses memory again")
	}
	var kept *Frame
	with := testing.AllocsPerRun(1000, func() { New(OpBinary, 8<<10).Release() })
	without := testing.AllocsPerRun(1000, func() { kept = New(OpBinary, 8<<10) })
	assert.LessOrEqual(t, with, 1.0)
	assert.Equal(t, 3.0, without)
	assert.NotNil(t, kept)
}

func BenchmarkRelease(b *testing.B) {
	payload := noise(64 << 10)
	for _, size := range []int{inline, 4 << 10, 8 << 10, 64 << 10} {
		for _, way := range []string{"released", "left"} {
			b.Run(fmt.Sprintf("%d/%s", size, way), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					f := New(OpBinary, size)
					f.Payload = append(f.Payload, payload[:size]...)
					if way == "released" {
						f.Release()
					}
				}
			})
		}
	}
}
