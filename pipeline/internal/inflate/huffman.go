package inflate

import "math/bits"

// A table decodes one Huffman code. It is looked up with the next bits of the stream: as
// many as root first; a code that is longer has its entry in a subtable.
//
// The sizes are what the worst complete codes need, of 286 lengths and of 30 distances of
// at most 15 bits, rounded up to a power of two so that an index needs no check.
const (
	litRoot  = 9
	litSize  = 1024 // 852 are needed
	distRoot = 8
	distSize = 512 // 402 are needed
	codeRoot = 7   // of the code of the code lengths, which is never longer

	maxBits = 15
)

// An entry says what a code means:
//
//	bits  0 to 5   bits to take from the stream, extra bits included
//	bits  8 to 12  bits of the code alone; of a link: of the subtable's index
//	bit   13       link to a subtable, which begins at the value
//	bit   14       end of the block
//	bit   15       anything but a plain value: a link, an end, no code at all
//	bits 16 to 30  value: a literal, the least length or distance, a code length
//	bit   31       literal
type entry uint32

const (
	link    entry = 1 << 13
	end     entry = 1 << 14
	special entry = 1 << 15
	literal entry = 1 << 31

	invalid = special // no code: takes nothing
)

func (e entry) size() uint     { return uint(e) & 63 }
func (e entry) codeSize() uint { return uint(e>>8) & 31 }
func (e entry) value() uint    { return uint(e>>16) & 0x7fff }

// build fills table with the code whose symbol i has lens[i] bits and means symbols[i].
// It reports false for a code that is over-subscribed or leaves bits without a meaning.
// As in zlib a code may have a single symbol of one bit, and may be empty: then the
// stream must not use it.
func build(table []entry, root uint, lens []uint8, symbols []entry) bool {
	var count [maxBits + 1]uint16
	for _, n := range lens {
		count[n&maxBits]++
	}
	longest := uint(maxBits)
	for count[longest] == 0 { // not past 0: there are symbols, and what has no code counts there
		longest--
	}
	var next [maxBits + 1]uint16 // code of each size
	code := uint16(0)
	space := 1 // codes of this size that are left
	for n := uint(1); n <= longest; n++ {
		next[n] = code
		code = (code + count[n]) << 1
		if space = space<<1 - int(count[n]); space < 0 {
			return false
		}
	}
	if space > 0 {
		fill(table[:1<<root], 0, 1, invalid)
		if longest != 1 { // 1: a single symbol of one bit
			return longest == 0
		}
	}
	free := uint(1) << root // where the next subtable begins
	prefix := ^uint(0)      // of the current one
	var sub []entry
	var subBits uint
	// Codes of up to root bits first, then the others in their order, which is that of
	// their subtables.
	for i, n := range lens {
		if n := uint(n); n > 0 && n <= root {
			rev := uint(bits.Reverse16(next[n]) >> (16 - n))
			next[n]++
			fill(table[:1<<root], rev, 1<<n, symbols[i]+entry(n)<<8+entry(n))
		}
	}
	for n := root + 1; n <= longest; n++ {
		if count[n] == 0 {
			continue
		}
		for i, size := range lens {
			if uint(size) != n {
				continue
			}
			rev := uint(bits.Reverse16(next[n]) >> (16 - n))
			next[n]++
			count[n]--
			if p := rev & (1<<root - 1); p != prefix {
				prefix = p
				subBits = n - root
				for left := 1<<subBits - int(count[n]) - 1; left > 0; { // the code is complete
					subBits++
					left = left<<1 - int(count[root+subBits])
				}
				if free+1<<subBits > uint(len(table)) {
					return false // impossible for a complete code
				}
				sub = table[free : free+1<<subBits]
				table[p] = link | special | entry(root) | entry(subBits)<<8 | entry(free)<<16
				free += 1 << subBits
			}
			fill(sub, rev>>root, 1<<(n-root), symbols[i]+entry(n-root)<<8+entry(n-root))
		}
	}
	return true
}

// fill sets every step-th entry from the first.
func fill(table []entry, first, step uint, e entry) {
	for i := first; i < uint(len(table)); i += step {
		table[i] = e
	}
}

// What the symbols of the three codes mean, RFC 1951 3.2.5 and 3.2.7, without the bits of
// their codes.
var (
	litSymbols  = litMeanings()
	distSymbols = distMeanings()
	codeSymbols = codeMeanings()
)

func litMeanings() (s [288]entry) {
	for i := range 256 {
		s[i] = literal | entry(i)<<16
	}
	s[256] = end | special
	base := 3
	for i := range 28 {
		extra := max(0, (i-4)/4)
		s[257+i] = entry(base)<<16 | entry(extra)
		base += 1 << extra
	}
	s[285] = 258 << 16
	s[286], s[287] = special, special // have codes in a fixed block, and no meaning
	return s
}

func distMeanings() (s [32]entry) {
	base := 1
	for i := range 30 {
		extra := max(0, (i-2)/2)
		s[i] = entry(base)<<16 | entry(extra)
		base += 1 << extra
	}
	s[30], s[31] = special, special
	return s
}

func codeMeanings() (s [19]entry) {
	for i := range s {
		s[i] = entry(i) << 16
	}
	return s
}

// The codes of a fixed block, RFC 1951 3.2.6.
type fixedTables struct {
	lit  [litSize]entry
	dist [distSize]entry
}

func newFixedTables() *fixedTables {
	t := new(fixedTables)
	var lens [288]uint8
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		default:
			lens[i] = 8
		}
	}
	build(t.lit[:], litRoot, lens[:], litSymbols[:])
	var dists [32]uint8
	for i := range dists {
		dists[i] = 5
	}
	build(t.dist[:], distRoot, dists[:], distSymbols[:])
	return t
}
