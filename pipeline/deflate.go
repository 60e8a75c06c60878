package pipeline

import "github.com/spindrift-go/spindrift/frame"

// Deflate is permessage-deflate, RFC 7692, once both sides agreed on Params. Its
// place is between Closing and Text, and the Codec must let RSV1 pass.
//
// Messages are inflated as they arrive: what a piece of one makes goes up with it,
// in pieces of 16 KiB at most. Messages on their way down are compressed unless
// they are short or their first frame has NoCompress set; a whole message stays
// one frame, fragments stay fragments.
//
// Neither direction holds more than a window between two messages, and none at
// all without context takeover.
type Deflate struct {
	Compression
	Params DeflateParams
	Client bool
	Shared *Shared // of all connections that one message may be sent to; nil: compress it for each
}

const (
	defaultThreshold = 512
	defaultRatio     = 100

	// Up to level 5 a compressor takes 8 to 11 us for 1 KiB of JSON and leaves a
	// quarter of it. Level 1 is the fastest for long messages and with takeover, needs
	// the least memory, and leaves 4 % more than level 5 (BenchmarkDeflate).
	defaultLevel = 1

	// The peer's window would allow 32 KiB. The latest 4 KiB make 1 KiB of JSON as
	// small as all of them would, and cost 7 us per message in a pooled compressor;
	// one of its own for each connection would take a megabyte.
	takeoverSize = 4 << 10

	// zlib counts 8 bits as 9.
	leastTakeover = 9
)

// Stage returns permessage-deflate as a stage.
func (o Deflate) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, o.layer()) }
}

func (o *Deflate) layer() *deflate {
	p, sendBits, recvBits := o.Params, o.Params.ServerMaxWindowBits, o.Params.ClientMaxWindowBits
	sendFresh, recvFresh := p.ServerNoContextTakeover, p.ClientNoContextTakeover
	if o.Client {
		sendBits, recvBits, sendFresh, recvFresh = recvBits, sendBits, recvFresh, sendFresh
	}
	kind := deflaterKindOf(o.Level, min(windowBits(sendBits), windowBits(o.WindowBits)))
	d := new(deflate)
	d.in = inflating{link: &d.link, ratio: orDefault(o.MaxRatio, defaultRatio), piece: new(frame.Frame)}
	if !recvFresh {
		d.in.window = &window{size: 1 << max(windowBits(recvBits), leastTakeover)}
	}
	d.out = deflating{link: &d.link, kind: kind, threshold: orDefault(o.Threshold, defaultThreshold)}
	if !sendFresh && o.ContextTakeover {
		d.out.window = &window{size: min(1<<kind.bits, takeoverSize)}
	} else if o.Shared != nil {
		d.out.shared = o.Shared.of(kind)
	}
	return d
}

// orDefault: zero is the default, negative is 0.
func orDefault(n, value int) int {
	if n == 0 {
		return value
	}
	return max(n, 0)
}

type deflate struct {
	link
	free bool // there is no Budget to ask
	held holding
	in   inflating
	out  deflating
}

// count tells the Budget what is held between two pieces, or two messages.
func (d *deflate) count() {
	if d.free || d.in.busy { // busy: again when the piece is through
		return
	}
	if !d.held.set(d.in.memory()+d.out.memory(), &d.link) {
		d.in.end()
		d.down(noMemory)
	}
}

func (d *deflate) onUp(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		if !m.Opcode.Control() {
			d.in.data(m)
			d.count()
			return
		}
	case *Space:
		if d.in.compressed {
			return // what comes is not what goes up
		}
	case *Closed, *Lost:
		d.in.end()
		d.out.end()
	}
	d.up(item)
}

func (d *deflate) onDown(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		if !m.Opcode.Control() {
			d.out.data(m)
			d.count()
			return
		}
	case *Prepared:
		if m.longest >= d.out.threshold {
			m.Each(d.onDown)
			return
		}
	case *frame.Error:
		d.in.end()
	case *Limits:
		set(&d.in.ratio, m.InflateRatio)
	}
	d.down(item)
}
