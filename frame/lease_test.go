package frame

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClass(t *testing.T) {
	for _, tt := range []struct{ size, room int }{
		{4096, 4096}, {4097, 5120}, {5120, 5120}, {5121, 6144}, {6145, 7168}, {7169, 8192}, {8192, 8192}, {8193, 10240},
		{64 << 10, 64 << 10}, {1<<20 - 1, 1 << 20}, {1 << 20, 1 << 20}, {1<<20 + 1, 5 << 18},
	} {
		_, room := class(tt.size)
		assert.Equal(t, tt.room, room, "%d", tt.size)
	}
	last := -1
	for size := leased; size < 1<<20; size += 13 {
		k, room := class(size)
		require.GreaterOrEqual(t, room, size)
		require.LessOrEqual(t, room, size+size/4+1)
		require.GreaterOrEqual(t, k, last, "classes rise with the size: %d", size)
		again, same := class(room)
		require.Equal(t, k, again, "memory comes back to where it was taken from: %d", size)
		require.Equal(t, room, same)
		last = k
	}
	k, _ := class(1 << 62)
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
		{"inline", func() *Frame { return Text("hello") }, true},
		{"below the limit", func() *Frame { return New(OpBinary, leased-1) }, false},
		{"at the limit", func() *Frame { return New(OpBinary, leased) }, true},
		{"long text", func() *Frame { return Text(string(noise(70_000))) }, true},
		{"kept from the caller", func() *Frame { return Binary(noise(70_000)) }, false},
		{"grown", func() *Frame { f := New(OpText, 0); f.Grow(leased, 0); return f }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := tt.make()
			assert.Equal(t, tt.leased, f.lease != nil)
			before := f.Payload
			f.Sent()
			assert.Equal(t, before, f.Payload, "it was not handed over")
			assert.Same(t, f, f.Handover())
			assert.Equal(t, before, f.Payload, "it was not sent")
			f.Sent()
			assert.Nil(t, f.lease)
			if tt.leased {
				assert.Nil(t, f.Payload)
			} else {
				assert.Equal(t, before, f.Payload)
			}
			f.Sent()
			f.Release() // once more does nothing
			assert.Nil(t, f.lease)
		})
	}
}

// Handing over is of one frame's life, not of the memory's.
func TestReleasedMemoryIsNotHandedOver(t *testing.T) {
	for range 100 { // a pool may forget
		f := New(OpBinary, leased).Handover()
		f.Payload = append(f.Payload, 1)
		was := memory(f)
		f.Sent()
		g := New(OpBinary, leased)
		if g.Payload = append(g.Payload, 2); memory(g) == was {
			assert.Len(t, g.Payload, 1)
			g.Sent()
			assert.NotNil(t, g.Payload)
			return
		}
	}
	t.Fatal("no memory was used again")
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
		{"what is wanted", 10, 100, 300, 300, 320},
		{"what is wanted is too much", 10, 100, 1 << 40, 400, 416},
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

// Memory that has grown with a message is found again by the next of that length.
func TestGrowFindsItAgain(t *testing.T) {
	const length, piece = 1<<20 - 3, 32 << 10
	for _, read := range []int{piece, 4 * piece} {
		for range 100 {
			f := New(OpBinary, 0)
			for n := 0; n < length; n += read {
				f.Grow(min(n+read, length), length)
				f.Payload = f.Payload[:min(n+read, length)]
			}
			was := memory(f)
			f.Release()
			f = New(OpBinary, 0)
			f.Grow(piece, length)
			if f.Payload = f.Payload[:1]; memory(f) == was {
				return
			}
		}
		t.Fatal("not in a hundred times")
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
	var kept *Frame
	small := testing.AllocsPerRun(1000, func() { New(OpBinary, inline).Release() })
	assert.Less(t, small, 1.0)
	with := testing.AllocsPerRun(1000, func() { New(OpBinary, 8<<10).Release() })
	without := testing.AllocsPerRun(1000, func() { kept = New(OpBinary, 8<<10) })
	assert.LessOrEqual(t, with, 1.0)
	assert.Equal(t, 3.0, without)
	assert.NotNil(t, kept)
}

// again makes small frames until one is where was is, which a pool may fail to do.
func again(t *testing.T, was *Frame) *Frame {
	for range 100 {
		f := New(OpBinary, 1)
		if f == was {
			return f
		}
		f.Release()
	}
	t.Skip("the pool has forgotten it: under the race detector it does so at random")
	return nil
}

// A small frame that is used again remembers nothing of what it was.
func TestSmallAgain(t *testing.T) {
	f := Text("secret")
	f.Fin, f.RSV, f.Plain, f.Masked, f.Key, f.Length = false, RSV1, true, true, [4]byte{1, 2, 3, 4}, 99
	f.Release()
	f.Release() // twice is once
	g := again(t, f)
	assert.Equal(t, Header{Fin: true, Opcode: OpBinary}, g.Header)
	assert.Empty(t, g.Payload)
	assert.Equal(t, inline, cap(g.Payload))
	assert.False(t, g.HandedOver())
	g.Sent()
	assert.NotSame(t, g, New(OpText, 1), "two of them")
}

// Only what New made in one piece, and nobody may still look at, is used again.
func TestSmallNotAgain(t *testing.T) {
	var copied Frame
	for name, f := range map[string]*Frame{
		"outgrown":  func() *Frame { f := New(OpText, 3); f.Payload = append(f.Payload, noise(inline+1)...); return f }(),
		"grown":     func() *Frame { f := New(OpText, 3); f.Grow(leased, 0); return f }(),
		"cut short": func() *Frame { f := Text("hello"); f.Payload = f.Payload[1:]; return f }(),
		"replaced":  func() *Frame { f := Text("hello"); f.Payload = []byte("world"); return f }(),
		"a copy":    func() *Frame { copied = *Text("hello"); return &copied }(),
		"a ping":    func() *Frame { f := New(OpPing, 3); f.Payload = append(f.Payload, "abc"...); return f }(),
		"binary":    Binary([]byte("hello")),
	} {
		f.Handover().Sent()
		for range 100 {
			assert.NotSame(t, f, New(OpText, 1), name)
		}
	}
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
