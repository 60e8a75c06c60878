package pipeline

import (
	"github.com/klauspost/compress/flate"

	"github.com/spindrift-go/spindrift/frame"
)

// keptOutput is how much of its output a compressor in a pool holds.
const keptOutput = 64 << 10

// deflaterSize is about what a compressor holds, of any kind: 0.8 to 1.4 MB.
const deflaterSize = 1 << 20

// deflater compresses one message at a time.
type deflater struct {
	w    *flate.Writer // writes to the deflater
	out  []byte
	f    frame.Frame // goes down; its payload is out
	dict []byte
}

// deflate returns f compressed and flushed, as a frame that is borrowed until
// the next call. RFC 7692 7.2.1.
func (z *deflater) deflate(f *frame.Frame) *frame.Frame {
	z.out = z.out[:0]
	if _, err := z.w.Write(f.Payload); err != nil {
		panic(err)
	}
	if err := z.w.Flush(); err != nil {
		panic(err)
	}
	z.f = frame.Frame{Header: f.Header, Payload: z.out}
	if f.Opcode != frame.OpContinuation {
		z.f.RSV |= frame.RSV1
	}
	if f.Fin {
		z.f.Payload = z.out[:len(z.out)-len(flushTail)]
	}
	return &z.f
}

// Write takes the compressed bytes.
func (z *deflater) Write(p []byte) (int, error) {
	z.out = append(z.out, p...)
	return len(p), nil
}

// deflaterKind is what compressors differ in, so that those of a kind can be pooled.
type deflaterKind struct{ level, bits int }

// deflaterKindOf: a compressor with a smaller window has no choice of levels.
func deflaterKindOf(level, bits int) deflaterKind {
	switch {
	case bits < maxBits:
		level = 0
	case level == 0:
		level = defaultLevel
	default:
		level = min(max(level, flate.BestSpeed), flate.BestCompression)
	}
	return deflaterKind{level, bits}
}

const deflaterKinds = flate.BestCompression + 1 + maxBits

func (k deflaterKind) index() int {
	if k.level > 0 {
		return k.level
	}
	return flate.BestCompression + 1 + k.bits
}

var deflaters [deflaterKinds]pool[*deflater]

func (k deflaterKind) pool() *pool[*deflater] { return &deflaters[k.index()] }

func newDeflater(k deflaterKind) *deflater {
	z := new(deflater)
	var err error
	if k.level > 0 {
		z.w, err = flate.NewWriter(z, k.level)
	} else {
		z.w, err = flate.NewWriterWindow(z, 1<<k.bits)
	}
	if err != nil {
		panic(err)
	}
	return z
}
