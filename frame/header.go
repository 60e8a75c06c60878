package frame

import (
	"encoding/binary"
	"math"
)

// header reads one header; ok is false while bytes of it are missing.
func (d *Decoder) header(p []byte) (n int, ok bool, err *Error) {
	head := p
	got := 0
	if c := d.chopped; c != nil && c.got > 0 { // the beginning came earlier
		got = int(c.got)
		n = copy(c.head[got:], p)
		head = c.head[:got+n]
	}
	size, err := d.judge(head)
	if err != nil {
		return 0, false, err
	}
	if len(head) < size {
		c := d.putTogether()
		if got == 0 {
			n = copy(c.head[:], p)
		}
		c.got = uint8(len(head))
		return n, false, nil
	}
	if n = size - got; got > 0 {
		d.chopped.got = 0
	}
	d.startFrame(head[:size])
	return n, true, nil
}

// judge looks at as much of a header as there is and returns the size that the
// whole will have, as far as is known. RFC 6455 5.2, 5.4 and 5.5.
func (d *Decoder) judge(h []byte) (size int, err *Error) {
	if len(h) == 0 {
		return 2, nil
	}
	op, fin, rsv := Opcode(h[0]&0xf), h[0]&0x80 != 0, h[0]&0x70
	switch {
	case op.reserved():
		return 0, Failure(ProtocolError, "reserved opcode")
	case op.Control() && !fin:
		return 0, Failure(ProtocolError, "fragmented control frame")
	case rsv != 0 && (rsv&^d.RSV != 0 || op.Control() || op == OpContinuation):
		return 0, Failure(ProtocolError, "reserved bit set")
	case op == OpContinuation && !d.message:
		return 0, Failure(ProtocolError, "continuation of nothing")
	case !op.Control() && op != OpContinuation && d.message:
		return 0, Failure(ProtocolError, "new message inside a message")
	case !op.Control() && d.MaxFragments > 0 && int(d.fragments) >= d.MaxFragments:
		return 0, Failure(PolicyViolation, "too many fragments")
	}
	if len(h) == 1 {
		return 2, nil
	}
	masked, length := h[1]&0x80 != 0, h[1]&0x7f
	switch {
	case masked && d.FromServer:
		return 0, Failure(ProtocolError, "masked frame from a server")
	case !masked && !d.FromServer:
		return 0, Failure(ProtocolError, "unmasked frame from a client")
	case op.Control() && length > maxControl:
		return 0, Failure(ProtocolError, "control frame over 125 bytes")
	case op == OpClose && length == 1: // RFC 6455 5.5.1: a code has two
		return 0, Failure(ProtocolError, "close frame with one byte")
	}
	size = 2
	switch length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if err := d.judgeLength(h, size); err != nil {
		return 0, err
	}
	if masked {
		size += 4
	}
	return size, nil
}

// judgeLength looks at as much of the length as there is, whose bytes end before
// end: what it can no longer fall below or rise above needs no more of them.
func (d *Decoder) judgeLength(h []byte, end int) *Error {
	least, most := bounds(h, end)
	switch {
	case least > math.MaxInt64:
		return Failure(ProtocolError, "length with its top bit set")
	case end == 4 && most < 126, end == 10 && most <= math.MaxUint16:
		return Failure(ProtocolError, "length not in its shortest form")
	case d.MaxFrame > 0 && least > uint64(d.MaxFrame):
		return Failure(TooBig, "frame over the limit")
	}
	return nil
}

// bounds returns the least and the most that the length of a header may be whose
// length bytes end before end, as far as they are there.
func bounds(h []byte, end int) (least, most uint64) {
	if end == 2 {
		least = uint64(h[1] & 0x7f)
		return least, least
	}
	for i := 2; i < end; i++ {
		lo, hi := byte(0), byte(0xff)
		if i < len(h) {
			lo, hi = h[i], h[i]
		}
		least, most = least<<8|uint64(lo), most<<8|uint64(hi)
	}
	return least, most
}

// declared reads the length of a header whose length bytes are all there and
// whose top bit was judged, so that it fits an int64.
func declared(h []byte) int64 {
	switch length := h[1] & 0x7f; length {
	case 126:
		return int64(binary.BigEndian.Uint16(h[2:]))
	case 127:
		return int64(binary.BigEndian.Uint64(h[2:]))
	default:
		return int64(length)
	}
}

// startFrame takes over a header that was judged.
func (d *Decoder) startFrame(h []byte) {
	c := &d.cur
	c.Fin, c.RSV, c.Opcode = h[0]&0x80 != 0, h[0]&0x70, Opcode(h[0]&0xf)
	if c.Masked = h[1]&0x80 != 0; c.Masked {
		c.Key = [4]byte(h[len(h)-4:])
	}
	c.Length = declared(h)
	d.left = c.Length
	switch {
	case c.Opcode.Control():
	case c.Fin:
		d.message, d.fragments = false, 0
	default:
		d.message = true
		if d.fragments < math.MaxInt32 {
			d.fragments++
		}
	}
}
