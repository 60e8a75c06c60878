package inflate

import (
	"bytes"
	"fmt"
	"testing"
	"unsafe"

	kflate "github.com/klauspost/compress/flate"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Next returns Full after every Step bytes, or with the rest of a match: in the same places
// however the input was cut.
func TestStep(t *testing.T) {
	for name, p := range samples() {
		for _, level := range []int{kflate.HuffmanOnly, 0, 1, 9} {
			z := deflate(t, p, level)
			var want []int64
			for i, size := range []int{1 << 20, 1, 17, 1000, 1007} {
				var got []int64
				d := new(Decoder)
				d.Reset(nil)
				for in := z; len(in) > 0; in = in[min(size, len(in)):] {
					for piece, s := in[:min(size, len(in))], Full; s == Full; {
						n, next, err := d.Next(piece)
						if err != nil { // require.NoError takes longer than Next
							t.Fatal(err)
						}
						d.Discard()
						if piece, s = piece[n:], next; s == Full {
							got = append(got, d.Made())
						}
					}
				}
				if i == 0 {
					want = got
				}
				require.Equal(t, want, got, "%s, level %d, pieces of %d", name, level, size)
			}
			for i, made := range want {
				over := int64(longest - 1)
				if level == 0 || level == kflate.HuffmanOnly {
					over = 0 // there are no matches
				}
				assert.GreaterOrEqual(t, made, int64(i+1)*Step, name)
				assert.LessOrEqual(t, made, int64(i+1)*Step+over, name)
			}
		}
	}
}

// What stands behind a stream is not taken for a part of it.
func TestBehindTheEnd(t *testing.T) {
	for _, p := range [][]byte{nil, prose(1, 1000)} {
		z := deflate(t, p, 9)
		for behind := range 12 {
			d := new(Decoder)
			d.Reset(nil)
			n, s, err := d.Next(append(z[:len(z):len(z)], make([]byte, behind)...))
			require.NoError(t, err)
			require.Equal(t, Ended, s)
			assert.EqualValues(t, len(z), d.Used(), "%d bytes behind", behind)
			assert.LessOrEqual(t, n, len(z)+8)
			assert.Equal(t, n == len(z), d.Between(), "%d bytes behind", behind)
		}
	}
}

// With a history of any length there is space for the longest match at the end of a step.
func TestSpaceBehindAHistory(t *testing.T) {
	z := deflate(t, make([]byte, 4*Step), 9)
	d := new(Decoder)
	for n := 0; n <= History; n += 41 {
		d.Reset(make([]byte, n))
		got, _, err := inflate(d, z, 1<<20)
		require.NoError(t, err)
		require.Equal(t, 4*Step, len(got))
	}
}

// The space that a Decoder has, as Size says it: none before it is needed, twice as much each time,
// and a full buffer where that would be half of one.
func TestSize(t *testing.T) {
	assert.InDelta(t, int(unsafe.Sizeof(Decoder{})), sizeOfDecoder, 64)
	room := func(d *Decoder) int { return d.Size() - sizeOfDecoder }
	const half = pooledFrom - margin // with it, margin is just there
	for _, tt := range []struct{ history, room int }{
		{0, 0}, {1, leastBuf}, {leastBuf - margin, leastBuf}, {leastBuf - margin + 1, 2 * leastBuf},
		{2*leastBuf - margin, 2 * leastBuf}, {2*leastBuf - margin + 1, 4 * leastBuf},
		{half, 32 * leastBuf}, {half + 1, fullBuffer}, {History, fullBuffer},
	} {
		d := new(Decoder)
		d.Reset(make([]byte, tt.history))
		assert.Equal(t, tt.room, room(d), "%d bytes", tt.history)
		d.Reset(make([]byte, tt.history))
		assert.Equal(t, tt.room, room(d), "%d bytes again", tt.history)
		d.Free()
		assert.Zero(t, room(d))
	}
}

// A Decoder that was used for much, and waits in the middle of little, gives back what it does
// not need; if that is less than half it keeps its buffer, for the next byte would take one.
func TestPark(t *testing.T) {
	p := prose(1, 30_000)
	for _, tt := range []struct{ made, room int }{
		{1, leastBuf}, {leastBuf - margin, leastBuf}, {leastBuf - margin + 1, 2 * leastBuf},
		{5*leastBuf - margin, 5 * leastBuf}, {5*leastBuf - margin + 1, 6 * leastBuf},
		{pooledFrom - margin - 1, 23 * leastBuf}, {pooledFrom - margin, fullBuffer}, {25_000, fullBuffer},
	} {
		t.Run(fmt.Sprint(tt.made), func(t *testing.T) {
			d := new(Decoder)
			d.Reset(make([]byte, History))
			require.Equal(t, fullBuffer, len(d.buf))
			d.Reset(nil)
			stored := func(p []byte) []byte { // not the last block
				n := uint16(len(p))
				return append([]byte{0, byte(n), byte(n >> 8), byte(^n), byte(^n >> 8)}, p...)
			}
			made, _, _ := inflate(d, stored(p[:tt.made]), 1<<20) // it parks
			require.True(t, bytes.Equal(p[:tt.made], made))
			assert.Equal(t, tt.room, d.Size()-sizeOfDecoder)
			made, _, _ = inflate(d, stored(p[tt.made:]), 1000)
			require.True(t, bytes.Equal(p[tt.made:], made))
			require.True(t, bytes.Equal(p, d.Latest(len(p))))
		})
	}
}
