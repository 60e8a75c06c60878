// Package inflate decodes DEFLATE, RFC 1951, from bytes that come in pieces: a Decoder
// stops where they run dry, in the middle of a code if need be, and goes on with the next
// ones, on whatever goroutine. Readers that wait for their input, as those of
// compress/flate do, need a goroutine or a coroutine of their own for that.
//
// It does not know what a message is, nor how much it may hold: that is its user's affair.
package inflate

import (
	"encoding/binary"
	"errors"
	"sync"
)

// ErrCorrupt says that the bytes are no DEFLATE stream.
var ErrCorrupt = errors.New("inflate: corrupt stream")

// State is why Next has returned.
type State uint8

const (
	Dry   State = iota // all of the input was used
	Full               // there is as much output as goes out at once; more may follow
	Ended              // a final block has ended; another stream may begin behind it
)

const (
	// History is how far a match may reach back.
	History = 32 << 10

	// Step is how much is decoded between two times that Next returns Full, from the
	// beginning of the message on and however the input was cut. It is passed by the rest of a match.
	Step = 15 << 10

	margin     = longest + 8             // room that a symbol may need, and a store of words
	fullBuffer = History + Step + 1<<10  // holds all that is ever needed
	leastBuf   = 1 << 10                 // of a message that has just begun
	longest    = 258                     // match
	fastInput  = 16                      // bytes that the fast loop may look at
	pooledFrom = fullBuffer/2 - leastBuf // from here on a buffer is a full one
)

// phase is what the next bits of the stream are.
type phase uint8

const (
	blockHead phase = iota
	storedHead
	storedBytes
	dynamicHead
	codeLengths
	lengths
	symbols
	distance
)

// Decoder decodes one stream after the other. It begins with Reset.
type Decoder struct {
	bits  uint64 // of the input, taken and not used; the next one is the lowest
	nbits uint
	phase phase
	begun bool // within a stream
	final bool // block
	fixed bool // block: it has the codes of fixedTables

	left    int // bytes of a stored block, or of the match whose distance is next
	nlit    int // lengths of the codes of a dynamic block
	ndist   int
	ncode   int
	have    int // of these lengths
	lengths [286 + 30 + 19]uint8

	buf   []byte // what was decoded lately, and room
	from  int    // of buf: the output that was not discarded
	to    int    // of buf: its end
	made  int64  // bytes of output since Reset
	full  int64  // ... when Next returns Full
	taken int64  // bytes of input since Reset

	dist [distSize]entry // before it, in the same place, the code of the lengths
	lit  [litSize]entry
}

var (
	fixed   = sync.OnceValue(newFixedTables)
	buffers = sync.Pool{New: func() any { return new([fullBuffer]byte) }}
)

// Reset begins anew, with history before the first byte: matches may refer to it. It is
// copied.
func (d *Decoder) Reset(history []byte) {
	d.bits, d.nbits, d.phase, d.begun = 0, 0, blockHead, false
	d.from, d.to, d.made, d.full, d.taken = 0, 0, 0, Step, 0
	if history = history[max(0, len(history)-History):]; len(history) > 0 {
		d.grow(len(history))
		d.to = copy(d.buf, history)
		d.from = d.to
	}
}

// Made is the number of bytes that were decoded since Reset, and Used that of the bytes
// they were decoded from.
func (d *Decoder) Made() int64 { return d.made }
func (d *Decoder) Used() int64 { return d.taken - int64(d.nbits/8) }

// Between reports whether the input has ended with the end of a stream, or nothing has
// come at all.
func (d *Decoder) Between() bool { return !d.begun && d.nbits < 8 }

// Latest is what was decoded last, and the history before it: n bytes, or all that there
// are. It is borrowed until the next call.
func (d *Decoder) Latest(n int) []byte { return d.buf[max(0, d.to-n):d.to] }

// Size is about how many bytes of memory d holds.
func (d *Decoder) Size() int { return sizeOfDecoder + len(d.buf) }

const sizeOfDecoder = 4*litSize + 4*distSize + 512

// Park gives back room that d does not need while it waits for input. The output must have
// been discarded.
func (d *Decoder) Park() {
	if keep := min(d.to, History); len(d.buf) == fullBuffer && keep < pooledFrom-margin {
		small := make([]byte, (keep+margin+leastBuf-1)/leastBuf*leastBuf)
		copy(small, d.buf[d.to-keep:d.to])
		d.drop()
		d.buf, d.from, d.to = small, keep, keep
	}
}

// Free gives back all of the room.
func (d *Decoder) Free() {
	d.drop()
	d.from, d.to = 0, 0
}

func (d *Decoder) drop() {
	if len(d.buf) == fullBuffer {
		buffers.Put((*[fullBuffer]byte)(d.buf))
	}
	d.buf = nil
}

// grow makes room for n bytes more behind d.to, and margin.
func (d *Decoder) grow(n int) {
	need := d.to + n + margin
	if need <= len(d.buf) {
		return
	}
	var buf []byte
	if need > pooledFrom {
		buf = buffers.Get().(*[fullBuffer]byte)[:]
	} else {
		size := max(leastBuf, 2*len(d.buf))
		for size < need {
			size *= 2
		}
		buf = make([]byte, size)
	}
	copy(buf, d.buf[:d.to])
	d.drop()
	d.buf = buf
}

// Next decodes from in, of which it takes n bytes, and adds to Output. After Full the
// output must be discarded before the next call, after an error Reset must follow.
func (d *Decoder) Next(in []byte) (n int, s State, err error) {
	limit := d.to + int(d.full-d.made)
	if over := d.to - History; over > 0 && d.from == d.to && limit+margin > fullBuffer {
		d.to = copy(d.buf, d.buf[over:d.to])
		d.from = d.to
		limit -= over
	}
	r := run{Decoder: d, in: in, limit: limit}
	was := d.to
	s, err = r.decode()
	d.made += int64(d.to - was)
	d.taken += int64(r.at)
	if s == Full {
		d.full = d.made - d.made%Step + Step
	}
	return r.at, s, err
}

// Output is what was decoded and not discarded, borrowed until the next call.
func (d *Decoder) Output() []byte { return d.buf[d.from:d.to] }

// Discard discards the output; later bytes may still refer to it.
func (d *Decoder) Discard() { d.from = d.to }

// run is one call of Next.
type run struct {
	*Decoder
	in    []byte
	at    int // of in: the next byte
	limit int // of buf: enough output
}

// need takes input until there are n bits, at most 48. It reports false if there are not.
func (r *run) need(n uint) bool {
	if r.nbits >= n {
		return true
	}
	if p := r.in[r.at:]; len(p) >= 8 {
		r.bits |= binary.LittleEndian.Uint64(p) << (r.nbits & 63)
		r.at += int(63-r.nbits) >> 3
		r.nbits |= 56
		return true
	}
	for r.nbits <= 56 && r.at < len(r.in) {
		r.bits |= uint64(r.in[r.at]) << (r.nbits & 63)
		r.at++
		r.nbits += 8
	}
	return r.nbits >= n
}

func (r *run) take(n uint) uint {
	v := uint(r.bits & (1<<(n&63) - 1))
	r.bits >>= n & 63
	r.nbits -= n
	return v
}

// lookUp finds the code that is next and takes its bits, with the extra bits behind it.
// It reports false if they have not all come; what there are may do for an invalid code.
func (r *run) lookUp(table []entry, root uint) (e entry, extra uint, ok bool) {
	r.need(48)
	e = table[r.bits&(1<<root-1)]
	code := uint(0)
	if e&link != 0 {
		if r.nbits < root {
			return e, 0, false
		}
		code = root
		e = table[e.value()+uint(r.bits>>root)&(1<<e.codeSize()-1)]
	}
	if r.nbits < code+e.size() {
		return e, 0, false
	}
	extra = uint(r.bits>>(code&63)) & (1<<e.size() - 1) >> e.codeSize()
	r.take(code + e.size())
	return e, extra, true
}

func (r *run) decode() (State, error) {
	for {
		switch r.phase {
		case blockHead:
			if !r.need(3) {
				return Dry, nil
			}
			r.begun = true
			r.final = r.take(1) == 1
			switch r.take(2) {
			case 0:
				r.take(r.nbits & 7)
				r.phase = storedHead
			case 1:
				r.fixed, r.phase = true, symbols
			case 2:
				r.phase = dynamicHead
			default:
				return 0, ErrCorrupt
			}

		case storedHead:
			if !r.need(32) {
				return Dry, nil
			}
			n, not := r.take(16), r.take(16)
			if n^not != 0xffff {
				return 0, ErrCorrupt
			}
			r.left, r.phase = int(n), storedBytes

		case storedBytes:
			if s, whole := r.stored(); !whole {
				return s, nil
			}
			if r.endBlock() {
				return Ended, nil
			}

		case dynamicHead, codeLengths, lengths:
			if whole, err := r.codes(); !whole {
				return Dry, err
			}
			r.fixed, r.phase = false, symbols

		case symbols, distance:
			s, err := r.block()
			if err != nil || s != Ended {
				return s, err
			}
			if r.endBlock() {
				return Ended, nil
			}
		}
	}
}

// endBlock reports whether the block was the final one. Then the rest of its last byte
// means nothing.
func (r *run) endBlock() bool {
	r.phase = blockHead
	if r.final {
		r.take(r.nbits & 7)
		r.begun = false
	}
	return r.final
}

// stored copies the bytes of a stored block.
func (r *run) stored() (s State, whole bool) {
	for r.left > 0 {
		if r.to >= r.limit {
			return Full, false
		}
		n := min(r.left, r.limit-r.to)
		if r.nbits >= 8 {
			r.grow(1)
			r.buf[r.to] = byte(r.take(8))
			n = 1
		} else {
			r.bits = 0 // nbits is: what comes was only looked at
			if n = min(n, len(r.in)-r.at); n == 0 {
				return Dry, false
			}
			r.grow(n)
			copy(r.buf[r.to:], r.in[r.at:r.at+n])
			r.at += n
		}
		r.to += n
		r.left -= n
	}
	return 0, true
}

// order of the lengths of the code of the code lengths, RFC 1951 3.2.7.
var order = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// codes reads the codes of a dynamic block. They are whole when it says so.
func (r *run) codes() (whole bool, err error) {
	if r.phase == dynamicHead {
		if !r.need(14) {
			return false, nil
		}
		r.nlit, r.ndist, r.ncode = int(r.take(5))+257, int(r.take(5))+1, int(r.take(4))+4
		if r.nlit > 286 || r.ndist > 30 {
			return false, ErrCorrupt
		}
		r.have, r.phase = 0, codeLengths
	}
	if r.phase == codeLengths {
		sizes := r.lengths[286+30:]
		for ; r.have < r.ncode; r.have++ {
			if !r.need(3) {
				return false, nil
			}
			sizes[order[r.have]] = uint8(r.take(3))
		}
		for _, i := range order[r.ncode:] {
			sizes[i] = 0
		}
		if !build(r.dist[:1<<codeRoot], codeRoot, sizes, codeSymbols[:]) {
			return false, ErrCorrupt
		}
		r.have, r.phase = 0, lengths
	}
	for all := r.nlit + r.ndist; r.have < all; {
		r.need(14) // fewer may do
		e := r.dist[r.bits&(1<<codeRoot-1)]
		if e&special != 0 {
			return false, ErrCorrupt
		}
		size, v, n := e.size(), e.value(), 1
		if v < 16 {
			if r.nbits < size {
				return false, nil
			}
			r.take(size)
		} else {
			extra, least := [3]uint{2, 3, 7}[v-16], [3]int{3, 3, 11}[v-16]
			if r.nbits < size+extra {
				return false, nil
			}
			r.take(size)
			n = least + int(r.take(extra))
			if v > 16 {
				v = 0
			} else if r.have == 0 {
				return false, ErrCorrupt
			} else {
				v = uint(r.lengths[r.have-1])
			}
			if r.have+n > all {
				return false, ErrCorrupt
			}
		}
		for range n {
			r.lengths[r.have] = uint8(v)
			r.have++
		}
	}
	if !build(r.lit[:], litRoot, r.lengths[:r.nlit], litSymbols[:]) ||
		!build(r.dist[:], distRoot, r.lengths[r.nlit:r.nlit+r.ndist], distSymbols[:]) {
		return false, ErrCorrupt
	}
	return true, nil
}

// block decodes symbols up to the end of the block, which is Ended.
func (r *run) block() (State, error) {
	lit, dist := &r.lit, &r.dist
	if r.fixed {
		t := fixed()
		lit, dist = &t.lit, &t.dist
	}
	for {
		if r.phase == symbols {
			if r.to >= r.limit {
				return Full, nil
			}
			r.grow(1)
			if len(r.in)-r.at >= fastInput {
				switch ended, err := r.fast(lit, dist); {
				case err != nil:
					return 0, err
				case ended:
					return Ended, nil
				case r.to >= r.limit:
					return Full, nil
				}
				r.grow(1)
			}
			e, extra, ok := r.lookUp(lit[:], litRoot)
			switch {
			case !ok:
				return Dry, nil
			case e&literal != 0:
				r.buf[r.to] = byte(e.value())
				r.to++
				continue
			case e&end != 0:
				return Ended, nil
			case e&special != 0:
				return 0, ErrCorrupt
			}
			r.left, r.phase = int(e.value()+extra), distance
		}
		e, extra, ok := r.lookUp(dist[:], distRoot)
		if !ok {
			return Dry, nil
		}
		back := int(e.value() + extra)
		if e&special != 0 || back > r.to {
			return 0, ErrCorrupt
		}
		match(r.buf, r.to, back, r.left)
		r.to += r.left
		r.phase = symbols
	}
}
