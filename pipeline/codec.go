package pipeline

import (
	"crypto/rand"
	"math"

	"github.com/spindrift-go/spindrift/frame"
)

// Codec is the stage next to the wire: bytes up become frames, frames down
// become bytes. Data frames go up in pieces as they arrive, borrowed until the
// call returns (see frame.Decoder). A violation goes up as a *frame.Error, and
// what follows it is not looked at.
type Codec struct {
	Client    bool           // this end is the client: it masks, and takes only unmasked frames
	RSV       byte           // bits that an extension claimed
	MaxFrame  int64          // bytes; 0: no limit
	Fragments int            // frames of one message; 0: no limit
	MaskGen   func() [4]byte // keys for a client's frames; nil: crypto/rand
}

// Stage returns the codec as a stage.
func (o Codec) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) {
		d := frame.Decoder{FromServer: o.Client, RSV: o.RSV, MaxFrame: o.MaxFrame, MaxFragments: o.Fragments}
		piece := new(frame.Frame)
		spent := false
		onUp := func(item any) {
			in, ok := item.(*Input)
			if !ok {
				if m, asks := item.(*Room); asks {
					if m.Max = int(min(d.Rest(), math.MaxInt32)); m.Max == 0 || spent {
						return
					}
				}
				up(item)
				return
			}
			for len(in.Data) > 0 && !in.Pause && !spent {
				n, whole, err := d.Next(in.Data, piece)
				in.Data = in.Data[n:]
				if err != nil {
					spent = true
					up(err)
				} else if whole {
					up(piece)
				}
			}
			if spent {
				in.Data = nil
			}
		}
		out := &outgoing{masked: o.Client, gen: o.MaskGen}
		onDown := func(item any) {
			switch m := item.(type) {
			case *frame.Frame:
				was := out.f // a wire that writes before it takes one frame may be given another
				out.f = m
				down(out)
				out.f = was
				m.Sent()
			case *Limits:
				set(&d.MaxFrame, m.Frame)
				set(&d.MaxFragments, m.Fragments)
				down(item)
			default:
				down(item)
			}
		}
		return onUp, onDown
	}
}

// outgoing is the frame that is on its way into the out buffer.
type outgoing struct {
	f      *frame.Frame
	masked bool
	gen    func() [4]byte
}

func (o *outgoing) Append(dst []byte) []byte {
	if !o.masked {
		return frame.Append(dst, o.f)
	}
	return frame.AppendMasked(dst, o.f, o.key())
}

// Split leaves a payload where it is, unless it must be masked.
func (o *outgoing) Split(dst []byte) (head, body []byte) {
	if o.masked {
		return dst, nil
	}
	h := o.f.Header
	h.Masked, h.Length = false, int64(len(o.f.Payload))
	return frame.AppendHeader(dst, h), o.f.Payload
}

func (o *outgoing) Size() int { return frame.MaxHeader + len(o.f.Payload) }

func (o *outgoing) Urgent() bool { return o.f.Opcode.Control() }

// key is unpredictable, RFC 6455 10.3.
func (o *outgoing) key() (key [4]byte) {
	if o.gen != nil {
		return o.gen()
	}
	rand.Read(key[:])
	return key
}
