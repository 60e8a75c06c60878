package pipeline

import "github.com/spindrift-go/spindrift/frame"

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
