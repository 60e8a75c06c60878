package inflate

import (
	"bytes"
	"compress/flate"
	"io"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stream is DEFLATE written by hand, for what no compressor makes.
type stream struct {
	bytes []byte
	n     uint // bits
}

// bits writes the n lowest bits of v, the lowest first, as RFC 1951 3.1.1 has numbers.
func (s *stream) bits(v, n uint) {
	for ; n > 0; v, n = v>>1, n-1 {
		if s.n%8 == 0 {
			s.bytes = append(s.bytes, 0)
		}
		s.bytes[s.n/8] |= byte(v&1) << (s.n % 8)
		s.n++
	}
}

// code is the code of symbol i, where symbol i has lens[i] bits: RFC 1951 3.2.2, by its words.
func code(lens []uint8, i int) (code, n uint) {
	n = uint(lens[i])
	for j, m := range lens {
		if m > 0 && (uint(m) < n || uint(m) == n && j < i) {
			code += 1 << (n - uint(m)) // those of n bits that come before
		}
	}
	return uint(bits.Reverse32(uint32(code)) >> (32 - n)), n
}

func (s *stream) symbol(lens []uint8, i int) { s.bits(code(lens, i)) }

// lengthCodes is a code of the code lengths: it has every one.
var lengthCodes = []uint8{4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5, 5, 5, 5, 5, 5}

// dynamicHead begins a dynamic block of so many codes.
func (s *stream) dynamicHead(final uint, lit, dist int) {
	s.bits(final|2<<1, 3)
	s.bits(uint(lit-257), 5)
	s.bits(uint(dist-1), 5)
	s.bits(19-4, 4)
	for _, i := range order {
		s.bits(uint(lengthCodes[i]), 3)
	}
}

func (s *stream) dynamic(final uint, lit, dist []uint8) {
	s.dynamicHead(final, len(lit), len(dist))
	for _, n := range append(lit[:len(lit):len(lit)], dist...) {
		s.symbol(lengthCodes, int(n))
	}
}

// lens are code lengths by symbol.
func lens(n int, of map[int]uint8) []uint8 {
	l := make([]uint8, n)
	for i, size := range of {
		l[i] = size
	}
	return l
}

// What ends a stream, or breaks it, is seen with its last bit, wherever in a byte that is.
func TestSeenAtOnce(t *testing.T) {
	twoBits := map[int]uint8{'a': 1, 256: 1}
	for name, test := range map[string]struct {
		write func(s *stream)
		state State
		err   error
	}{
		"a stored block of nothing": {func(s *stream) { s.bits(1, 3); s.bits(0, -s.n&7); s.bits(0xffff0000, 32) }, Ended, nil},
		"a wrong length":            {func(s *stream) { s.bits(1, 3); s.bits(0, -s.n&7); s.bits(0xfffe0000, 32) }, 0, ErrCorrupt},
		"a reserved block":          {func(s *stream) { s.bits(7, 3) }, 0, ErrCorrupt},
		"a fixed block's end":       {func(s *stream) { s.bits(3, 3); s.bits(0, 7) }, Ended, nil},
		"too many distances":        {func(s *stream) { s.bits(5, 3); s.bits(0, 5); s.bits(30, 5); s.bits(0, 4) }, 0, ErrCorrupt},
		"too many lengths":          {func(s *stream) { s.bits(5, 3); s.bits(30, 5); s.bits(0, 5); s.bits(0, 4) }, 0, ErrCorrupt},
		"no code for a code length": {func(s *stream) {
			s.bits(5, 3)
			s.bits(0, 5+5+4)
			s.bits(0, 4*3)
		}, 0, ErrCorrupt},
		"over-subscribed": {func(s *stream) { s.dynamic(1, lens(257, twoBits), []uint8{1, 1, 1}) }, 0, ErrCorrupt},
		"incomplete":      {func(s *stream) { s.dynamic(1, lens(257, twoBits), []uint8{2, 2, 2}) }, 0, ErrCorrupt},
		"one of two bits": {func(s *stream) { s.dynamic(1, lens(257, twoBits), []uint8{2}) }, 0, ErrCorrupt},
		"repeats at the beginning": {func(s *stream) {
			s.dynamicHead(1, 257, 1)
			s.symbol(lengthCodes, 16)
			s.bits(0, 2)
		}, 0, ErrCorrupt},
		"repeats beyond the end": {func(s *stream) {
			s.dynamicHead(1, 257, 1)
			for range 256 {
				s.symbol(lengthCodes, 1)
			}
			s.symbol(lengthCodes, 16)
			s.bits(0, 2)
		}, 0, ErrCorrupt},
		"a symbol that has no meaning": {func(s *stream) { s.bits(3, 3); s.bits(code(fixedLens(), 286)) }, 0, ErrCorrupt},
		"no distances, and none used":  {func(s *stream) { s.dynamic(1, lens(257, twoBits), []uint8{0}); s.bits(0, 1); s.bits(1, 1) }, Ended, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for shift := range 8 {
				s := new(stream)
				for range shift { // 19 bits each
					s.bits(2, 3)
					s.symbol(fixedLens(), 0xff)
					s.bits(0, 7)
				}
				test.write(s)
				d := new(Decoder)
				d.Reset(nil)
				_, state, err := d.Next(s.bytes[:len(s.bytes)-1])
				require.NoError(t, err, "shift %d", shift)
				require.Equal(t, Dry, state)
				_, state, err = d.Next(s.bytes[len(s.bytes)-1:])
				require.Equal(t, test.err, err, "shift %d", shift)
				require.Equal(t, test.state, state, "shift %d", shift)
			}
		})
	}
}

func fixedLens() []uint8 {
	l := bytes.Repeat([]byte{8}, 288)
	for i := 144; i < 256; i++ {
		l[i] = 9
	}
	for i := 256; i < 280; i++ {
		l[i] = 7
	}
	return l
}

// The longest codes with the most extra bits, one after the other: 18 bits of two literals, 20
// of a length and 28 of a distance.
func TestLongestCodes(t *testing.T) {
	lit, dist := lens(286, map[int]uint8{
		0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8, 8: 9, 256: 10, 257: 11, 258: 12, 259: 13, 283: 14, 265: 15, 284: 15,
	}), lens(30, map[int]uint8{
		0: 1, 1: 2, 2: 3, 3: 4, 4: 5, 5: 6, 6: 7, 7: 8, 8: 9, 9: 10, 10: 11, 11: 12, 12: 13, 13: 14, 28: 15, 29: 15,
	})
	history := noise(1, History)
	for literals := range uint(4) {
		s := new(stream)
		s.dynamic(1, lit, dist)
		for i := range uint(300) {
			for range literals {
				s.symbol(lit, 8)
			}
			s.symbol(lit, 284)
			s.bits(i, 5)
			s.symbol(dist, 28+int(i%2))
			s.bits(i*31, 13)
		}
		s.symbol(lit, 256)
		want, err := io.ReadAll(flate.NewReaderDict(bytes.NewReader(s.bytes), history))
		require.NoError(t, err)
		d := new(Decoder)
		for _, size := range []int{1, 40, 1 << 20} {
			d.Reset(history)
			got, _, err := inflate(d, s.bytes, size)
			require.NoError(t, err, "%d literals, pieces of %d", literals, size)
			require.True(t, bytes.Equal(want, got), "%d literals, pieces of %d", literals, size)
		}
	}
}

// A distance code of a single symbol has one bit: the other bit means nothing, whatever it meant
// in the block before.
func TestSingleDistance(t *testing.T) {
	lit := lens(258, map[int]uint8{'a': 1, 256: 2, 257: 2})
	for bit, want := range []error{nil, ErrCorrupt} {
		s := new(stream)
		s.dynamic(0, lit, []uint8{1, 1})
		s.symbol(lit, 'a')
		s.symbol(lit, 256)
		s.dynamic(1, lit, []uint8{1})
		s.symbol(lit, 257)
		s.bits(uint(bit), 1)
		s.symbol(lit, 256)
		d := new(Decoder)
		d.Reset(nil)
		got, _, err := inflate(d, s.bytes, 1<<20)
		assert.Equal(t, want, err)
		if err == nil {
			assert.Equal(t, "aaaa", string(got))
		}
	}
}
