package frame

import "encoding/binary"

// MaxHeader is the most bytes that a header takes on the wire.
const MaxHeader = 14

// AppendHeader appends h to dst in its shortest form: Fin, RSV, Opcode, Length,
// and the Key if Masked.
func AppendHeader(dst []byte, h Header) []byte {
	b0 := byte(h.Opcode) | h.RSV
	if h.Fin {
		b0 |= 0x80
	}
	var mask byte
	if h.Masked {
		mask = 0x80
	}
	switch {
	case h.Length < 126:
		dst = append(dst, b0, mask|byte(h.Length))
	case h.Length < 1<<16:
		dst = append(dst, b0, mask|126, byte(h.Length>>8), byte(h.Length))
	default:
		dst = append(dst, b0, mask|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(h.Length))
	}
	if h.Masked {
		dst = append(dst, h.Key[:]...)
	}
	return dst
}

// Append appends f to dst as a server sends it: unmasked. f is not changed.
func Append(dst []byte, f *Frame) []byte {
	if Debug {
		f.CheckPayload()
	}
	h := f.Header
	h.Masked, h.Length = false, int64(len(f.Payload))
	return append(AppendHeader(dst, h), f.Payload...)
}

// AppendMasked appends f to dst as a client sends it: masked with key. f is not
// changed.
func AppendMasked(dst []byte, f *Frame, key [4]byte) []byte {
	if Debug {
		f.CheckPayload()
	}
	h := f.Header
	h.Masked, h.Key, h.Length = true, key, int64(len(f.Payload))
	dst = AppendHeader(dst, h)
	start := len(dst)
	dst = append(dst, f.Payload...)
	Mask(dst[start:], key, 0)
	return dst
}
