package frame

import "fmt"

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
	Plain  bool   // on the way out: do not compress this message; never on the wire
	Masked bool   // a key is on the wire; set by what decodes or encodes, ignored in a frame to send
	Key    [4]byte
	Length int64 // of the payload as the wire declares it; ignored in a frame to send
}

// Frame is one frame: a whole message, a fragment of one, or a control frame.
//
// A frame is never changed once it was sent, by its sender or by a receiver; so
// one frame may be sent to any number of connections. Whoever receives a frame
// from a connection owns its Payload; it is valid for as long as it is kept, or
// until Release. To change a frame in a stage, make another: do not copy Frame.
type Frame struct {
	Header
	Payload []byte // unmasked
	lease   *lease // of the payload's memory, if that can be used again
	ascii   bool   // the decoder has seen that the payload is
}

// ASCII reports whether the payload is known to be ASCII: of a piece that the decoder
// has unmasked it is. False says nothing.
func (f *Frame) ASCII() bool { return f.ascii }

// String returns the payload as text, whatever the opcode.
func (f *Frame) String() string { return string(f.Payload) }

// Close returns code and reason of a Close frame: NoStatus for an empty one.
// The payload must be one that the decoder let pass or Close made.
func (f *Frame) Close() (code Code, reason string) {
	code, reason, _ = ParseClose(f.Payload)
	return code, reason
}

// New makes a frame with Fin set and room for size payload bytes, none of them
// used: append to its Payload. A small one is a single allocation.
func New(op Opcode, size int) *Frame {
	if size <= inline {
		return newSmall(op)
	}
	f := &Frame{Header: Header{Fin: true, Opcode: op}}
	if size < leased {
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
