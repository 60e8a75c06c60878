package load

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"strings"
)

// The opcodes of data frames (RFC 6455 5.2).
const (
	Text   byte = 0x1
	Binary byte = 0x2
)

const (
	opContinuation byte = 0x0
	opClose        byte = 0x8
	opPing         byte = 0x9
	opPong         byte = 0xA

	bitFin        byte = 0x80
	bitCompressed byte = 0x40
	bitMasked     byte = 0x80
)

// maskKey is not zero, so that a server cannot skip unmasking.
var maskKey = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// Message says what one message carries.
type Message struct {
	Opcode  byte   // Text or Binary
	Payload []byte // what the receiver's handler sees; not changed
	Deflate bool   // compress it as RFC 7692 7.2.1 asks, without context takeover
}

// Frame returns the message as one masked client frame.
func (m Message) Frame() []byte {
	first := bitFin | m.Opcode
	body := m.Payload
	if m.Deflate {
		first |= bitCompressed
		body = deflate(body)
	}
	frame := append(make([]byte, 0, len(body)+14), first)
	switch n := len(body); {
	case n < 126:
		frame = append(frame, bitMasked|byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, bitMasked|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, bitMasked|127), uint64(n))
	}
	frame = append(frame, maskKey[:]...)
	start := len(frame)
	frame = append(frame, body...)
	for i := range frame[start:] {
		frame[start+i] ^= maskKey[i&3]
	}
	return frame
}

// deflateTail is what RFC 7692 7.2.1 takes off the end of a compressed message, and 7.2.2 puts back.
const deflateTail = "\x00\x00\xff\xff"

func deflate(p []byte) []byte {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestSpeed)
	if err == nil {
		_, err = w.Write(p)
	}
	if err == nil {
		err = w.Flush()
	}
	if err != nil {
		panic(err) // a bytes.Buffer takes every write
	}
	return bytes.TrimSuffix(out.Bytes(), []byte(deflateTail))
}

// deflateEnd is deflateTail and an empty last block, which ends the stream for a reader.
const deflateEnd = deflateTail + "\x01" + deflateTail

// Letters returns n bytes of printable ASCII.
func Letters(n int) []byte {
	const row = "The spindrift blows off the crest of a wave, and the wind takes it. "
	return []byte(strings.Repeat(row, n/len(row)+1)[:n])
}

// JSON returns n bytes of a JSON document of the kind that feeds send: repeated keys, varied values.
func JSON(n int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"type":"quotes","items":[`)
	seed := uint32(2463534242)
	for i := 0; b.Len() < n-160; i++ {
		seed ^= seed << 13
		seed ^= seed >> 17
		seed ^= seed << 5
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"id":%d,"symbol":"S%03d","bid":%d.%02d,"size":%d}`, 1000+i, seed%997, seed%400, seed/7%100, seed/13%5000)
	}
	b.WriteString(`],"note":"`)
	for b.Len() < n-2 {
		b.WriteByte('a' + byte(b.Len()%26))
	}
	b.WriteString(`"}`)
	return b.Bytes()
}
