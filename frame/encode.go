package frame

import "encoding/binary"

// MaxHeader is the most bytes that a header takes on the wire.
const MaxHeader = 14

// AppendHeader appends h to dst in its shortest form: Fin, RSV, Opcode, Length,
// and the Key if Masked.
func AppendHeader(dst []byte, h Header) []byte {
	if !h.Masked {
		return appendStart(dst, &h, 0, h.Length)
	}
	return append(appendStart(dst, &h, 0x80, h.Length), h.Key[:]...)
}

// appendStart appends what precedes the key: Fin, RSV and Opcode of h, mask, and length.
func appendStart(dst []byte, h *Header, mask byte, length int64) []byte {
	b0 := byte(h.Opcode) | h.RSV
	if h.Fin {
		b0 |= 0x80
	}
	switch {
	case length < 126:
		return append(dst, b0, mask|byte(length))
	case length < 1<<16:
		return append(dst, b0, mask|126, byte(length>>8), byte(length))
	default:
		return binary.BigEndian.AppendUint64(append(dst, b0, mask|127), uint64(length))
	}
}

// Append appends f to dst as a server sends it: unmasked. f is not changed.
func Append(dst []byte, f *Frame) []byte {
	if Debug {
		f.CheckPayload()
	}
	return append(appendStart(dst, &f.Header, 0, int64(len(f.Payload))), f.Payload...)
}

// AppendMasked appends f to dst as a client sends it: masked with key. f is not
// changed.
func AppendMasked(dst []byte, f *Frame, key [4]byte) []byte {
	if Debug {
		f.CheckPayload()
	}
	dst = append(appendStart(dst, &f.Header, 0x80, int64(len(f.Payload))), key[:]...)
	start := len(dst)
	dst = append(dst, f.Payload...)
	Mask(dst[start:], key, 0)
	return dst
}
