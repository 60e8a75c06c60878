package remote

import "github.com/spindrift-go/spindrift/frame"

// head packs what is to be known of a frame besides its payload.
func head(f *frame.Frame) uint64 {
	h := uint64(f.Opcode&15) | uint64(f.RSV&0x70)<<headRSV
	if f.Fin {
		h |= headFin
	}
	if f.NoCompress {
		h |= headNoCompress
	}
	return h
}

func unhead(h uint64) frame.Header {
	return frame.Header{Fin: h&headFin != 0, Opcode: frame.Opcode(h & 15), RSV: byte(h>>headRSV) & 0x70}
}

// keptWhole is how much of a Pack a payload must be to keep all of it in memory.
const keptWhole = 4

// frameIn makes a frame, whose payload is its own or that of the Pack. pack is how long the Pack is that body lies in,
// if the frame may keep it; 0: it may not.
func frameIn(body []byte, pack int) (*frame.Frame, error) {
	var h uint64
	var payload []byte
	for len(body) > 0 {
		number, v, value, rest, ok := consume(body)
		if !ok {
			return nil, errMalformed
		}
		body = rest
		switch number {
		case frameHead:
			h = v
		case framePayload:
			payload = value
		}
	}
	header := unhead(h)
	var f *frame.Frame
	if pack > 0 && len(payload)*keptWhole >= pack && len(payload) > 1<<10 {
		f = &frame.Frame{Payload: payload}
	} else {
		f = frame.New(header.Opcode, len(payload))
		f.Payload = append(f.Payload, payload...)
	}
	f.Header, f.NoCompress = header, h&headNoCompress != 0
	f.Length = int64(len(payload))
	return f, nil
}
