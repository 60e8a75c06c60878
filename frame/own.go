package frame

// Memory is what a borrowed payload lies in. Free, which any goroutine may call, lets it be used for
// something else.
type Memory interface{ Free() }

// Lend is for who decodes frames: the payload of f, a borrowed frame, fills most of m, and nobody else
// needs it. Own takes m with the payload then.
func (f *Frame) Lend(m Memory) { f.lease = &lease{lender: m, lent: true} }

// Recall ends a Lend, when the call to which f was borrowed has returned. It reports whether the memory was
// taken: then its last owner frees it.
func (f *Frame) Recall() (taken bool) {
	l := f.lease
	if l == nil || l.lender == nil {
		return false
	}
	f.lease = nil
	return !l.lent
}

// Own makes a frame of the receiver's own of f, a borrowed one: a copy, unless the payload's memory was lent
// with it. The mask and the length were the wire's affair.
func (f *Frame) Own() *Frame {
	if l := f.lease; l != nil && l.lent {
		l.lent = false
		return &Frame{
			Header:  Header{Fin: f.Fin, RSV: f.RSV, Opcode: f.Opcode},
			Payload: f.Payload[:len(f.Payload):len(f.Payload)], // what lies behind it is somebody else's
			lease:   l,
		}
	}
	g := New(f.Opcode, len(f.Payload))
	g.Fin = f.Fin
	g.RSV = f.RSV
	g.Payload = append(g.Payload, f.Payload...)
	return g
}
