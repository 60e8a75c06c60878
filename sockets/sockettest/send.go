package sockettest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// SendText sends a text message.
func (p *Probe) SendText(text string) {
	p.must().t.Helper()
	p.message(frame.OpText, []byte(text))
}

// SendBinary sends a binary message.
func (p *Probe) SendBinary(payload []byte) {
	p.must().t.Helper()
	p.message(frame.OpBinary, payload)
}

// SendJSON sends a text message of what encoding/json makes of v.
func (p *Probe) SendJSON(v any) {
	p.must().t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		p.fail("cannot send: %v", err)
	}
	p.message(frame.OpText, b)
}

// SendPing sends a Ping. ExpectPong meets its answer.
func (p *Probe) SendPing(payload string) {
	p.must().t.Helper()
	p.send(wireFrame{fin: true, opcode: frame.OpPing, payload: []byte(payload)})
}

// SendPong sends a Pong, for a Manual probe or one that nobody has asked for.
func (p *Probe) SendPong(payload string) {
	p.must().t.Helper()
	p.send(wireFrame{fin: true, opcode: frame.OpPong, payload: []byte(payload)})
}

// SendClose sends a Close and does not wait: see Close. The code frame.NoStatus makes an empty one.
func (p *Probe) SendClose(code frame.Code, reason string) {
	p.must().t.Helper()
	p.mu.Lock()
	p.sentClose = true
	p.mu.Unlock()
	p.send(wireFrame{fin: true, opcode: frame.OpClose, payload: closePayload(code, reason)})
}

// SendFrame sends any frame as it is: a fragment, reserved bits, what must not be sent. It is masked
// if this end is a client's, and not compressed.
func (p *Probe) SendFrame(f *frame.Frame) {
	p.must().t.Helper()
	p.send(p.wire(f))
}

// SendBytes writes bytes as they are, each of parts by a write of its own: the other end reads what
// is in one by one read, or several.
func (p *Probe) SendBytes(parts ...[]byte) {
	p.must().t.Helper()
	for _, b := range parts {
		if err := p.write(b, "bytes "+dump(b), p.Patience); err != nil {
			p.fail("cannot send bytes %s: %v", dump(b), err)
		}
	}
}

// Encode returns f as SendFrame sends it, to be cut into parts for SendBytes.
func (p *Probe) Encode(f *frame.Frame) []byte {
	p.must().t.Helper()
	return p.encode(p.wire(f))
}

func (p *Probe) wire(f *frame.Frame) wireFrame {
	p.t.Helper()
	if f == nil {
		p.fail("cannot send a nil frame")
	}
	return wireFrame{fin: f.Fin, rsv: f.RSV & 0x70, opcode: f.Opcode, payload: f.Payload}
}

// CloseWrite ends this direction of the connection, which stays open in the other.
func (p *Probe) CloseWrite() { p.must().conn.CloseWrite() }

// Reset ends the connection as a reset does: what the other end has not read yet is lost.
func (p *Probe) Reset() {
	p.must().mu.Lock()
	p.tell(">", "a reset")
	p.mu.Unlock()
	p.conn.abort()
}

// Stall stops reading, as a peer does that hangs: nothing is answered, what the other end sends fills
// 64 KiB, and then it waits. Resume reads on.
func (p *Probe) Stall() { p.must().conn.pause(true) }

// Resume ends a Stall.
func (p *Probe) Resume() { p.must().conn.pause(false) }

func (p *Probe) message(op frame.Opcode, payload []byte) {
	p.t.Helper()
	f := wireFrame{fin: true, opcode: op, payload: payload}
	if p.deflate {
		f.rsv, f.payload = rsv1, deflate(payload)
	}
	if err := p.write(p.encode(f), arrival{opcode: op, payload: payload}.describe(), p.Patience); err != nil {
		p.fail("cannot send %s: %v", arrival{opcode: op, payload: payload}.describe(), err)
	}
}

func (p *Probe) send(f wireFrame) {
	p.t.Helper()
	what := describe(f)
	if err := p.write(p.encode(f), what, p.Patience); err != nil {
		p.fail("cannot send %s: %v", what, err)
	}
}

func describe(f wireFrame) string {
	a := arrival{opcode: f.opcode, payload: f.payload}
	if f.opcode == frame.OpClose {
		a.code, a.reason, _ = closeStatus(f.payload)
	}
	if !f.fin {
		return "a fragment, " + a.describe()
	}
	return a.describe()
}

// encode masks what a client sends. A key of the test's is as good as one that nobody can guess.
func (p *Probe) encode(f wireFrame) []byte {
	f.masked = p.client
	return appendFrame(nil, f, [4]byte{0x37, 0xfa, 0x21, 0x3d})
}

// write writes b, one at a time: whoever waits must not hold a lock, or virtual time would stop.
func (p *Probe) write(b []byte, what string, patience time.Duration) error {
	<-p.writing
	defer func() { p.writing <- struct{}{} }()
	p.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := p.conn.Write(b); err != nil {
		return fmt.Errorf("the %s does not take it: %w", p.other(), err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tell(">", what)
	return nil
}

// answer sends what an endpoint owes. If the other end has left, its end says so.
func (p *Probe) answer(f wireFrame) { p.write(p.encode(f), describe(f), patience()) }

// answerClose answers a Close. A server ends the connection then, RFC 6455 7.1.1.
func (p *Probe) answerClose(code frame.Code) {
	p.mu.Lock()
	first := !p.sentClose
	p.sentClose = true
	p.mu.Unlock()
	if first {
		p.answer(wireFrame{fin: true, opcode: frame.OpClose, payload: closePayload(code, "")})
	}
	if !p.client {
		p.conn.CloseWrite()
	}
}
