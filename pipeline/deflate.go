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
		d.out.shared = &o.Shared.slots[kind.index()]
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

// deflating is the way down of one connection.
type deflating struct {
	*link     // of the stage
	kind      deflaterKind
	threshold int
	window    *window   // what the next message may refer to; nil: no takeover
	shared    *slot     // nil: not shared
	open      *deflater // of the message in fragments that is being compressed; nil: none
}

// memory is what is held between two fragments, or two messages.
func (d *deflating) memory() (n int) {
	if d.window != nil {
		n = cap(d.window.bytes)
	}
	if d.open != nil {
		n += deflaterSize
	}
	return n
}

// data takes a message or a fragment of one.
func (d *deflating) data(f *frame.Frame) {
	switch {
	case f.Opcode != frame.OpContinuation && f.Fin:
		d.whole(f)
	case f.Opcode != frame.OpContinuation && !f.NoCompress && f.RSV&frame.RSV1 == 0:
		d.end() // of a message that its sender broke off
		d.open = d.borrow()
		d.fragment(f)
	case d.open != nil && f.Opcode == frame.OpContinuation:
		d.fragment(f)
	default:
		d.down(f)
	}
}

// whole compresses a message, if that is wanted and worth it. It goes plain if
// it would not shrink; then the window does not change either.
func (d *deflating) whole(f *frame.Frame) {
	if f.NoCompress || f.RSV&frame.RSV1 != 0 || len(f.Payload) < d.threshold {
		d.down(f)
		return
	}
	if known := d.shared.find(f); known != nil {
		d.pass(d.once(known), f)
		return
	}
	z := d.borrow()
	g := d.smaller(z, f)
	if g != f && d.window != nil {
		d.window.add(f.Payload)
	}
	d.pass(g, f)
	d.giveBack(z)
}

// smaller returns f compressed, which z lends, or f if it would not shrink.
func (d *deflating) smaller(z *deflater, f *frame.Frame) *frame.Frame {
	if g := z.deflate(f); len(g.Payload) < len(f.Payload) || d.threshold == 0 { // 0: every message, at any price
		return g
	}
	return f
}

// once returns what a message to many was compressed to. Who comes for it meanwhile waits: that
// takes no longer than to do it again.
func (d *deflating) once(k *sharedFrame) *frame.Frame {
	k.once.Do(func() {
		z := d.borrow()
		k.deflated, k.size = k.plain, len(k.plain.Payload)
		if g := d.smaller(z, k.plain); g != k.plain {
			k.deflated = &frame.Frame{Header: g.Header, Payload: append([]byte(nil), g.Payload...)}
			k.size += len(g.Payload)
		}
		d.giveBack(z)
		d.shared.memory.Load().add(k)
	})
	return k.deflated
}

// pass sends g down, and gives f up if g goes in its place: else it is g's way on.
func (d *deflating) pass(g, f *frame.Frame) {
	d.down(g)
	if g != f {
		f.Sent()
	}
}

func (d *deflating) fragment(f *frame.Frame) {
	g := d.open.deflate(f)
	if d.window != nil {
		d.window.add(f.Payload)
	}
	fin := f.Fin
	if d.pass(g, f); fin {
		d.end()
	}
}

// borrow returns a compressor that begins a message.
func (d *deflating) borrow() *deflater {
	z, ok := d.kind.pool().get()
	if !ok {
		z = newDeflater(d.kind)
	}
	z.dict = z.dict[:0]
	if d.window != nil {
		z.dict = append(z.dict, d.window.bytes...) // the writer reads it later, too
	}
	z.w.ResetDict(z, z.dict)
	return z
}

func (d *deflating) end() {
	if d.open != nil {
		d.giveBack(d.open)
		d.open = nil
	}
}

func (d *deflating) giveBack(z *deflater) {
	if cap(z.out) > keptOutput {
		z.out = nil
	}
	d.kind.pool().put(z)
}
