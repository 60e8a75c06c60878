package differential

import "github.com/spindrift-go/spindrift/frame"

// script makes frames of any bytes, so that what is compared is more than the
// first two of them. The first byte of a frame's recipe says what is wrong with
// it, mostly nothing; then come the first byte on the wire, the length and the
// payload.
func script(recipe []byte, client bool) (p []byte) {
	next := func() (b byte) {
		if len(recipe) > 0 {
			b, recipe = recipe[0], recipe[1:]
		}
		return b
	}
	message := false // inside one
	for len(recipe) > 0 {
		flaw, first, size := next(), next(), int(next())
		h := frame.Header{Fin: first&0x80 != 0, Opcode: frame.Opcode(first & 0xf), Masked: !client, Key: [4]byte{next(), 2, 3, 4}}
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
				message = !h.Fin
			default:
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
