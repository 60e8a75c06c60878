package frame

import (
	"fmt"
	"unsafe"
)

// Opcode says what a frame is, RFC 6455 5.2. Four bits on the wire.
type Opcode byte

// The opcodes of RFC 6455 11.8. All others are reserved.
const (
	OpContinuation Opcode = 0x0
	OpText         Opcode = 0x1
	OpBinary       Opcode = 0x2
	OpClose        Opcode = 0x8
	OpPing         Opcode = 0x9
	OpPong         Opcode = 0xA
)

// Control reports whether o is a control frame's: Close, Ping, Pong or reserved
// as one of them (RFC 6455 5.5).
func (o Opcode) Control() bool { return o&0x8 != 0 }

func (o Opcode) reserved() bool { return o&0x7 > 2 }

func (o Opcode) String() string {
	switch o {
	case OpContinuation:
		return "continuation"
	case OpText:
		return "text"
	case OpBinary:
		return "binary"
	case OpClose:
		return "close"
	case OpPing:
		return "ping"
	case OpPong:
		return "pong"
	}
	return fmt.Sprintf("opcode %#x", byte(o))
}

// The reserved bits of a header, as Header.RSV holds them. RSV1 marks the first
// frame of a compressed message (RFC 7692 6).
const (
	RSV1 byte = 0x40
	RSV2 byte = 0x20
	RSV3 byte = 0x10
)

// Header is what stands in front of a payload, RFC 6455 5.2.
type Header struct {
	Fin    bool   // the last frame of its message
	RSV    byte   // RSV1, RSV2, RSV3 or none
	Opcode Opcode // what the payload is
	Masked bool   // a key is on the wire; set by what decodes or encodes, ignored in a frame to send
	Key    [4]byte
	Length int64 // of the payload as the wire declares it; ignored in a frame to send
}

// Frame is one frame: a whole message, a fragment of one, or a control frame.
//
// A frame is never changed once it was sent, by its sender or by a receiver; so
// one frame may be sent to any number of connections. Whoever receives a frame
// from a connection owns its Payload; it is valid for as long as it is kept, or
// until Release. To change a frame in a stage, make another: go vet refuses a copy
// of a Frame, whose memory would then have two owners.
type Frame struct {
	Header
	NoCompress bool // in the first frame of a message to send: permessage-deflate leaves the message as it is

	ascii   bool   // the decoder has seen that the payload is
	owner   owner  // who still has the frame, see owner.go
	Payload []byte // unmasked

	trace trace  // of a debug build
	lease *lease // of the payload's memory, if that can be used again; it stays when the memory has been given back
}

// ASCII is for authors of stages below Assemble: it reports whether the decoder has
// seen, while it unmasked this piece, that the payload is ASCII. False says nothing.
func (f *Frame) ASCII() bool { return f.ascii }

// String returns the payload as text, whatever the opcode.
func (f *Frame) String() string { return string(f.Payload) }

// CloseStatus returns code and reason of a Close frame: NoStatus for an empty one.
// The payload must be one that the decoder let pass or Close made.
func (f *Frame) CloseStatus() (code Code, reason string) {
	code, reason, _ = ParseClose(f.Payload)
	return code, reason
}

// inline is how many payload bytes share their frame's allocation: frame and
// payload together fill a size class of 128 bytes (see BenchmarkNew).
const inline = 128 - frameSize

const frameSize = int(unsafe.Sizeof(Frame{}))

type small struct {
	Frame
	bytes [inline]byte
}

// New makes a frame with Fin set and space for size payload bytes, none of them
// used: append to its Payload. A small one is a single allocation.
func New(op Opcode, size int) *Frame {
	if size <= inline {
		s := &small{Frame: Frame{Header: Header{Fin: true, Opcode: op}}}
		s.Payload = s.bytes[:0:inline]
		return &s.Frame
	}
	f := &Frame{Header: Header{Fin: true, Opcode: op}}
	if size < leased || op.Control() { // what was in a Ping may be waited for
		f.Payload = make([]byte, 0, size)
	} else {
		f.lease = newLease(size)
		f.Payload = f.lease.memory[:0]
	}
	return f
}

// Text is a whole text message. s must be UTF-8, or the peer fails the connection.
func Text(s string) *Frame {
	f := New(OpText, len(s))
	f.Payload = append(f.Payload, s...)
	return f
}

// TextBytes is a whole text message. p must be UTF-8, or the peer fails the
// connection. It keeps p: do not change p afterwards.
func TextBytes(p []byte) *Frame {
	return &Frame{Header: Header{Fin: true, Opcode: OpText}, Payload: p}
}

// Binary is a whole binary message. It keeps p: do not change p afterwards.
func Binary(p []byte) *Frame {
	return &Frame{Header: Header{Fin: true, Opcode: OpBinary}, Payload: p}
}

// Ping is a Ping with p, at most 125 bytes, for the peer to send back. It keeps p.
func Ping(p []byte) *Frame {
	return &Frame{Header: Header{Fin: true, Opcode: OpPing}, Payload: p}
}

// Pong is a Pong with p, at most 125 bytes: an answer to a Ping with the same
// bytes, or unasked for. It keeps p.
func Pong(p []byte) *Frame {
	return &Frame{Header: Header{Fin: true, Opcode: OpPong}, Payload: p}
}

// Fragment is a piece of a message: the first carries OpText or OpBinary, the
// others OpContinuation; the last has fin set. It keeps p.
func Fragment(op Opcode, fin bool, p []byte) *Frame {
	return &Frame{Header: Header{Fin: fin, Opcode: op}, Payload: p}
}
