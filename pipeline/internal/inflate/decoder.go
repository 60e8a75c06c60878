// Package inflate decodes DEFLATE, RFC 1951, from bytes that come in pieces: a Decoder
// stops where they run dry, in the middle of a code if need be, and goes on with the next
// ones, on whatever goroutine. Readers that wait for their input, as those of
// compress/flate do, need a goroutine or a coroutine of their own for that.
//
// It does not know what a message is, nor how much it may hold: that is its user's affair.
package inflate

import (
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

	margin     = longest + 8             // space that a symbol may need, and a store of words
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

	buf   []byte // what was decoded lately, and space
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

// Park gives back space that d does not need while it waits for input. The output must have
// been discarded.
func (d *Decoder) Park() {
	if keep := min(d.to, History); len(d.buf) == fullBuffer && keep < pooledFrom-margin {
		small := make([]byte, (keep+margin+leastBuf-1)/leastBuf*leastBuf)
		copy(small, d.buf[d.to-keep:d.to])
		d.drop()
		d.buf, d.from, d.to = small, keep, keep
	}
}

// Free gives back all of the space.
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

// grow makes space for n bytes more behind d.to, and margin.
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
	if d.from == d.to && limit+margin > fullBuffer { // so d.to is past History
		over := d.to - History
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
