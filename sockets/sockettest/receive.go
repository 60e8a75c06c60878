package sockettest

import (
	"fmt"
	"unicode/utf8"

	"github.com/spindrift-go/spindrift/frame"
)

// read is the goroutine that reads, so that what must be answered is, whatever the test does.
func (p *Probe) read() {
	defer close(p.done)
	var m message
	closed := false
	for {
		f, err := readFrame(p.in, !p.client)
		if err == nil && closed {
			err = violation(fmt.Sprintf("a %v frame behind a close (RFC 6455 5.5.1)", f.opcode))
		}
		if err == nil {
			closed, err = p.take(&m, f)
		}
		if err != nil {
			p.put(arrival{end: err})
			if !p.manual {
				p.conn.Close()
			}
			return
		}
	}
}

// message is one that is coming in.
type message struct {
	open       bool
	opcode     frame.Opcode
	compressed bool
	payload    []byte
}

// take takes a frame, and answers it if it must be.
func (p *Probe) take(m *message, f wireFrame) (closed bool, err error) {
	switch f.opcode {
	case frame.OpPing:
		if !p.manual {
			defer p.answer(wireFrame{fin: true, opcode: frame.OpPong, payload: f.payload})
		}
	case frame.OpClose:
		code, reason, err := closeStatus(f.payload)
		if err != nil {
			return true, err
		}
		p.put(arrival{opcode: f.opcode, code: code, reason: reason})
		if !p.manual {
			p.answerClose(code)
		}
		return true, nil
	case frame.OpPong:
	default:
		return false, p.piece(m, f)
	}
	if f.rsv != 0 {
		return false, violation(fmt.Sprintf("a %v with reserved bits (RFC 6455 5.2)", f.opcode))
	}
	p.put(arrival{opcode: f.opcode, payload: f.payload})
	return false, nil
}

// piece takes a piece of a message.
func (p *Probe) piece(m *message, f wireFrame) (err error) {
	first := f.opcode != frame.OpContinuation
	switch {
	case first && m.open:
		return violation("a new message within one in fragments (RFC 6455 5.4)")
	case !first && !m.open:
		return violation("a continuation of nothing (RFC 6455 5.4)")
	case f.rsv != 0 && (f.rsv != rsv1 || !first || !p.deflate):
		return violation(fmt.Sprintf("reserved bits %#x that nobody has agreed on (RFC 6455 5.2)", f.rsv))
	case first:
		*m = message{open: true, opcode: f.opcode, compressed: f.rsv == rsv1}
	}
	m.payload = append(m.payload, f.payload...)
	if !f.fin {
		return nil
	}
	m.open = false
	if m.compressed {
		if m.payload, err = inflate(m.payload); err != nil {
			return violation("a compressed message that does not inflate (RFC 7692 7.2.2): " + err.Error())
		}
	}
	if m.opcode == frame.OpText && !utf8.Valid(m.payload) {
		return violation("text that is not UTF-8 (RFC 6455 8.1)")
	}
	p.put(arrival{opcode: m.opcode, payload: m.payload})
	m.payload = nil
	return nil
}

// put adds to what has come.
func (p *Probe) put(a arrival) {
	p.mu.Lock()
	p.arrived = append(p.arrived, a)
	p.tell("<", a.describe())
	p.mu.Unlock()
	select {
	case p.fresh <- struct{}{}:
	default:
	}
}
