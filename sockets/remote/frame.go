package remote

import (
	"github.com/spindrift-go/spindrift/frame"
	"google.golang.org/protobuf/encoding/protowire"
)

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

// frameIn makes a frame, whose payload is its own or that of the Pack. pack is how long the
// Pack is that body lies in.
func frameIn(body []byte, pack int) (*frame.Frame, error) {
	var h uint64
	var payload []byte
	err := fields(body, func(n protowire.Number, v uint64) {
		if n == frameHead {
			h = v
		}
	}, func(n protowire.Number, v []byte) {
		if n == framePayload {
			payload = v
		}
	})
	if err != nil {
		return nil, err
	}
	header := unhead(h)
	var f *frame.Frame
	if len(payload)*keptWhole >= pack && len(payload) > 1<<10 {
		f = &frame.Frame{Payload: payload}
	} else {
		f = frame.New(header.Opcode, len(payload))
		f.Payload = append(f.Payload, payload...)
	}
	f.Header, f.NoCompress = header, h&headNoCompress != 0
	f.Length = int64(len(payload))
	return f, nil
}
