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
		c := new(codec)
		c.init(&o)
		return asStage(up, down, c)
	}
}

type codec struct {
	link
	decoder frame.Decoder // spent after a violation
	out     outgoing      // goes down, again and again
}

func (c *codec) init(o *Codec) {
	c.decoder = frame.Decoder{FromServer: o.Client, RSV: o.RSV, MaxFrame: o.MaxFrame, MaxFragments: o.Fragments}
	c.out.Codec = o
}

func (c *codec) onUp(item any) {
	switch m := item.(type) {
	case *Input:
		c.decode(m)
	case *Space:
		if m.Max = int(min(c.decoder.Rest(), math.MaxInt32)); m.Max > 0 {
			c.up(m)
		}
	default:
		c.up(item)
	}
}

func (c *codec) decode(in *Input) {
	data := in.Data
	for len(in.Data) > 0 && !in.Pause && !c.decoder.Spent() {
		n, whole, err := c.decoder.Next(in.Data, &in.piece)
		in.Data = in.Data[n:]
		switch {
		case err != nil:
			c.up(err)
		case !whole:
		case in.Memory != nil && !frame.Debug && n == len(data) && in.piece.Fin: // a debug build uses no memory again
			c.lend(in)
		default:
			c.up(&in.piece)
			in.piece.Payload = nil // it was borrowed
		}
	}
	if c.decoder.Spent() {
		in.Data = nil
	}
}

// lend lets a whole frame up with the memory that it alone lies in.
func (c *codec) lend(in *Input) {
	in.piece.Lend(in.Memory)
	defer func() { // also if a stage panics: the memory may be somebody's
		in.piece.Payload = nil
		if in.piece.Recall() {
			in.Memory = nil
		}
	}()
	c.up(&in.piece)
}

func (c *codec) onDown(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		c.out.f = m
		c.down(&c.out)
		c.out.f = nil
		m.Sent()
		return
	case *Prepared:
		if c.out.Client {
			m.Each(c.onDown)
			return
		}
	case *Limits:
		set(&c.decoder.MaxFrame, m.Frame)
		set(&c.decoder.MaxFragments, m.Fragments)
	}
	c.down(item)
}

// outgoing is the frame that is on its way into the out buffer.
type outgoing struct {
	*Codec // the recipe
	f      *frame.Frame
}

func (o *outgoing) Append(dst []byte) []byte {
	if !o.Client {
		return frame.Append(dst, o.f)
	}
	return frame.AppendMasked(dst, o.f, o.key())
}

// Split leaves a payload where it is, unless it must be masked.
func (o *outgoing) Split(dst []byte) (head, body []byte) {
	if o.Client {
		return dst, nil
	}
	if frame.Debug {
		o.f.CheckPayload()
	}
	h := o.f.Header
	h.Masked, h.Length = false, int64(len(o.f.Payload))
	return frame.AppendHeader(dst, h), o.f.Payload
}

func (o *outgoing) Size() int { return frame.MaxHeader + len(o.f.Payload) }

func (o *outgoing) Urgent() bool { return o.f.Opcode.Control() }

// key is unpredictable, RFC 6455 10.3.
func (o *outgoing) key() (key [4]byte) {
	if o.MaskGen != nil {
		return o.MaskGen()
	}
	rand.Read(key[:])
	return key
}
