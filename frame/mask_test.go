package frame

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// naive is RFC 6455 5.3 word for word.
func naive(p []byte, key [4]byte, pos int) int {
	for i := range p {
		p[i] ^= key[(pos+i)%4]
	}
	return (pos + len(p)) % 4
}

func noise(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

func TestMaskAgainstNaive(t *testing.T) {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	all := noise(2100)
	lengths := []int{1023, 1024, 1025, 2047, 2048, 2055}
	for n := range 300 {
		lengths = append(lengths, n)
	}
	text := bytes.Repeat([]byte("It is ASCII~\x00\x7f"), 150)
	for _, n := range lengths {
		for pos := range 8 {
			for start := range 8 { // as the payload lies in the read buffer: aligned to nothing
				want, got := bytes.Clone(all), bytes.Clone(all)
				wantNext := naive(want[start:start+n], key, pos)
				require.Equal(t, wantNext, Mask(got[start:start+n], key, pos), "length %d, pos %d, start %d", n, pos, start)
				if !bytes.Equal(want, got) {
					t.Fatalf("length %d, pos %d, start %d: wrong bytes", n, pos, start)
				}
				line := bytes.Clone(text[:n])
				naive(line, key, pos)
				_, ascii := mask(line, key, pos)
				require.True(t, ascii, "length %d, pos %d", n, pos)
				if n > 0 {
					naive(line, key, pos)
					line[(start*977+pos)%n] ^= 0x80
					_, ascii := mask(line, key, pos)
					require.False(t, ascii, "length %d, pos %d", n, pos)
				}
			}
		}
	}
}

func TestMaskAllocatesNothing(t *testing.T) {
	p := make([]byte, 4096)
	assert.Zero(t, testing.AllocsPerRun(100, func() { Mask(p, [4]byte{1, 2, 3, 4}, 1) }))
}

func FuzzMask(f *testing.F) {
	f.Add([]byte("hello"), uint32(0x37fa213d), uint8(0), uint16(2))
	f.Add([]byte{}, uint32(0), uint8(3), uint16(0))
	f.Add(noise(1000), uint32(0x01020304), uint8(1), uint16(513))
	f.Add(noise(520), uint32(0xff00ff00), uint8(2), uint16(7))
	f.Fuzz(func(t *testing.T, p []byte, k uint32, pos uint8, cut uint16) {
		var key [4]byte
		binary.BigEndian.PutUint32(key[:], k)
		want := bytes.Clone(p)
		wantNext := naive(want, key, int(pos))

		whole := bytes.Clone(p)
		next, ascii := mask(whole, key, int(pos))
		assert.Equal(t, wantNext, next)
		assert.Equal(t, want, whole)
		assert.Equal(t, !slices.ContainsFunc(want, func(b byte) bool { return b >= 0x80 }), ascii)

		pieces := bytes.Clone(p)
		at := min(int(cut), len(p))
		assert.Equal(t, wantNext, Mask(pieces[at:], key, Mask(pieces[:at], key, int(pos))))
		assert.Equal(t, want, pieces)
	})
}

// words is the plain loop, one of the two ways that Mask is measured against.
func words(p []byte, key [4]byte) {
	k := uint64(binary.LittleEndian.Uint32(key[:]))
	k |= k << 32
	for len(p) >= 8 {
		binary.LittleEndian.PutUint64(p, binary.LittleEndian.Uint64(p)^k)
		p = p[8:]
	}
	for i := range p {
		p[i] ^= key[i&3]
	}
}

// wide is the other: a key written out lets subtle use vector instructions.
func wide(p []byte, key [4]byte) {
	var w [256]byte
	k := uint64(binary.LittleEndian.Uint32(key[:]))
	for i := 0; i < len(w); i += 8 {
		binary.LittleEndian.PutUint64(w[i:], k<<32|k)
	}
	for len(p) > 0 {
		n := subtle.XORBytes(p, p, w[:min(len(w), len(p))])
		p = p[n:]
	}
}

func BenchmarkMask(b *testing.B) {
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	for _, size := range []int{16, 64, 125, 512, 8 << 10, 64 << 10} {
		p := noise(size)
		b.Run(fmt.Sprintf("%d", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				Mask(p, key, 0)
			}
		})
		b.Run(fmt.Sprintf("%d/and then UTF-8", size), func(b *testing.B) {
			text := bytes.Repeat([]byte("a"), size)
			b.SetBytes(int64(size))
			for b.Loop() {
				words(text, [4]byte{})
				utf8.Valid(text)
			}
		})
		b.Run(fmt.Sprintf("%d/words", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				words(p, key)
			}
		})
		b.Run(fmt.Sprintf("%d/wide", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				wide(p, key)
			}
		})
	}
}
