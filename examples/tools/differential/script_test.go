package differential

import (
	"bytes"
	"compress/flate"

	"github.com/spindrift-go/spindrift/frame"
)

// script makes frames of any bytes, so that what is compared is more than the
// first two of them. The first byte of a frame's recipe says what is wrong with
// it, mostly nothing; then come the first byte on the wire, the length and the
// payload. With a packer some messages are compressed.
func script(recipe []byte, client bool, z *packer) (p []byte) {
	next := func() (b byte) {
		if len(recipe) > 0 {
			b, recipe = recipe[0], recipe[1:]
		}
		return b
	}
	message, packed := false, false // inside one, that is compressed
	for len(recipe) > 0 {
		flaw, first, size := next(), next(), int(next())
		h := frame.Header{Fin: first&0x80 != 0, Opcode: frame.Opcode(first & 0xf), Masked: !client, Key: [4]byte{next(), 2, 3, 4}}
		pack := false   // this one is a part of it
		if flaw >= 16 { // a frame that may stand here
			switch h.Opcode &= 0x9; { // continuation, text or Close, Ping
			case h.Opcode.Control():
				h.Fin = true
				size %= 126
				if h.Opcode == frame.OpClose && first&0x70 != 0 { // fewer of those: they end it all
					h.Opcode = frame.OpPong
				}
			case message:
				h.Opcode = frame.OpContinuation
				message, pack = !h.Fin, packed
			default:
				if packed = z != nil && flaw&0x20 != 0; packed {
					h.RSV, pack = frame.RSV1, true
					z.begin()
				}
				if h.Opcode = frame.OpText; first&0x40 != 0 {
					h.Opcode = frame.OpBinary
				}
				message = !h.Fin
			}
		}
		if flaw&0x40 != 0 {
			size *= 9 // longer than 125, and than the reference reads at once
		}
		payload := recipe[:min(size, len(recipe))]
		recipe = recipe[len(payload):]
		if pack {
			payload = z.pack(payload, h.Fin, flaw)
		}
		switch h.Length = int64(len(payload)); flaw {
		case 1:
			h.Masked = client
		case 2:
			h.RSV = first & 0x70
		case 3:
			h.Length += int64(first) // the rest does not come
		case 4:
			p = append(p, first, first) // no frame
			continue
		case 5:
			p = append(longest(p, h), payload...)
			continue
		}
		at := len(p)
		p = append(frame.AppendHeader(p, h), payload...)
		if h.Masked {
			for i, j := at+len(p[at:])-len(payload), 0; i < len(p); i, j = i+1, j+1 {
				p[i] ^= h.Key[j%4]
			}
		}
	}
	return p
}

// longest appends a header whose length takes 8 bytes, needed or not.
func longest(p []byte, h frame.Header) []byte {
	short := frame.AppendHeader(nil, h)
	p = append(p, short[0], short[1]|0x7f)
	for shift := 56; shift >= 0; shift -= 8 {
		p = append(p, byte(h.Length>>shift))
	}
	if h.Masked {
		p = append(p, h.Key[:]...)
	}
	return p
}

// packer compresses the messages of a script, with compress/flate.
type packer struct {
	takeover bool // a message may refer to those before
	out      bytes.Buffer
	w        *flate.Writer
}

func (z *packer) begin() {
	if z.w != nil && z.takeover {
		return
	}
	var err error
	if z.w, err = flate.NewWriter(&z.out, flate.BestCompression); err != nil {
		panic(err)
	}
}

// pack compresses the payload of a frame, and damages it if a flaw says so.
func (z *packer) pack(payload []byte, fin bool, flaw byte) []byte {
	z.out.Reset()
	z.w.Write(payload)
	if flaw&1 != 0 { // a final block, and perhaps another behind it: RFC 7692 7.2.3.4
		z.w.Close()
		z.w = nil
		z.begin()
		if flaw&4 != 0 {
			z.out.WriteByte(0)
			return bytes.Clone(z.out.Bytes())
		}
	} else {
		z.w.Flush()
		if p := z.out.Bytes(); fin && flaw&4 == 0 {
			z.out.Truncate(len(p) - 4)
		}
	}
	p := bytes.Clone(z.out.Bytes())
	if flaw&2 != 0 && len(p) > 0 {
		p[int(flaw>>3)%len(p)] ^= 1 << (flaw >> 2 & 7)
	}
	return p
}

// of is a whole message.
func (z *packer) of(payload []byte) []byte {
	z.begin()
	return z.pack(payload, true, 0)
}
