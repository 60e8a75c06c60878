package transport

import "github.com/spindrift-go/spindrift/internal/pool"

// ReadBuffer is what one read of a socket fills: 64 KiB and a header are one read (make bench ROWS=echo64k).
type ReadBuffer [68 << 10]byte

var readBuffers = pool.New("read buffers", func() any { return new(ReadBuffer) })

// GetReadBuffer takes a buffer from the pool. Its content is what somebody else has read.
func GetReadBuffer() *ReadBuffer { return readBuffers.Get().(*ReadBuffer) }

// PutReadBuffer gives a buffer back, if b is one. Nothing of it may be used any more.
func PutReadBuffer(b *ReadBuffer) {
	if b != nil {
		readBuffers.Put(b)
	}
}

// Leave lets b become the memory of a message: whoever has that frees it, or leaves it to the garbage collector.
func (b *ReadBuffer) Leave() { readBuffers.Drop() }

// Free puts b, which was left to a message, back into the pool.
func (b *ReadBuffer) Free() { readBuffers.Return(b) }

// MaxWriteBuffer is the capacity from which a write buffer is not worth keeping.
const MaxWriteBuffer = 64 << 10

var writeBuffers = pool.New("write buffers", func() any { b := make([]byte, 0, 4<<10); return &b })

// GetWriteBuffer takes an empty buffer, to append output to, from the pool.
func GetWriteBuffer() *[]byte { return writeBuffers.Get().(*[]byte) }

// PutWriteBuffer gives a buffer back, or leaves it to the garbage collector if it has grown beyond MaxWriteBuffer.
func PutWriteBuffer(b *[]byte) {
	if cap(*b) > MaxWriteBuffer {
		writeBuffers.Drop()
		return
	}
	*b = (*b)[:0]
	writeBuffers.Put(b)
}
