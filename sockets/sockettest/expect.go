package sockettest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// Receive waits for the next message and returns it.
func (p *Probe) Receive() *frame.Frame {
	p.must().t.Helper()
	a := p.next("a message", false)
	switch a.opcode {
	case frame.OpText:
		return frame.TextBytes(a.payload)
	case frame.OpBinary:
		return frame.Binary(a.payload)
	}
	p.unexpected("a message", a)
	return nil
}

// ReceiveText waits for the next message, which must be text, and returns it.
func (p *Probe) ReceiveText() string {
	p.must().t.Helper()
	return string(p.receive(frame.OpText, "a text message"))
}

// ReceiveBinary waits for the next message, which must be binary, and returns it.
func (p *Probe) ReceiveBinary() []byte {
	p.must().t.Helper()
	return p.receive(frame.OpBinary, "a binary message")
}

// ReceiveJSON waits for the next message, which must be text, and unmarshals it into v.
func (p *Probe) ReceiveJSON(v any) {
	p.must().t.Helper()
	text := p.receive(frame.OpText, "JSON")
	if err := json.Unmarshal(text, v); err != nil {
		p.fail("expected JSON for a %T, got text %s: %v", v, quote(string(text)), err)
	}
}

func (p *Probe) receive(op frame.Opcode, want string) []byte {
	p.t.Helper()
	a := p.next(want, false)
	if a.opcode != op {
		p.unexpected(want, a)
	}
	return a.payload
}

// ExpectText waits for the next message and requires it to be this text.
func (p *Probe) ExpectText(text string) {
	p.must().t.Helper()
	p.expect(arrival{opcode: frame.OpText, payload: []byte(text)})
}

// ExpectBinary waits for the next message and requires it to be this, as binary.
func (p *Probe) ExpectBinary(payload []byte) {
	p.must().t.Helper()
	p.expect(arrival{opcode: frame.OpBinary, payload: payload})
}

func (p *Probe) expect(want arrival) {
	p.t.Helper()
	a := p.next(want.describe(), false)
	if a.opcode != want.opcode || !bytes.Equal(a.payload, want.payload) {
		p.unexpected(want.describe(), a)
	}
}

// ExpectJSON waits for the next message and requires it to be text that means the same as what
// encoding/json makes of v: spaces and the order of names are of no account. A json.RawMessage is
// JSON as it is.
func (p *Probe) ExpectJSON(v any) {
	p.must().t.Helper()
	wanted, err := json.Marshal(v)
	if err != nil {
		p.fail("cannot expect it: %v", err)
	}
	want := "JSON " + quote(string(wanted))
	a := p.next(want, false)
	var got, meant any
	json.Unmarshal(wanted, &meant)
	if a.opcode != frame.OpText || json.Unmarshal(a.payload, &got) != nil || !reflect.DeepEqual(got, meant) {
		p.unexpected(want, a)
	}
}

// ExpectPing waits for a Ping, with no message before it, and returns its payload. It has been
// answered, unless the probe is Manual.
func (p *Probe) ExpectPing() (payload string) {
	p.must().t.Helper()
	for until := time.Now().Add(p.Patience); ; {
		a := p.nextUntil(until, "a ping", true)
		switch {
		case a.opcode == frame.OpPing && a.end == nil:
			return string(a.payload)
		case a.opcode != frame.OpPong || a.end != nil || p.manual:
			p.unexpected("a ping", a)
		}
	}
}

// ExpectPong waits for a Pong with this payload, with no message before it.
func (p *Probe) ExpectPong(payload string) {
	p.must().t.Helper()
	want := arrival{opcode: frame.OpPong, payload: []byte(payload)}.describe()
	for until := time.Now().Add(p.Patience); ; {
		a := p.nextUntil(until, want, true)
		switch {
		case a.opcode == frame.OpPong && a.end == nil && string(a.payload) == payload:
			return
		case a.opcode != frame.OpPing || a.end != nil || p.manual:
			p.unexpected(want, a)
		}
	}
}

// ExpectClose waits for a Close with this code, with no message before it, and returns its reason.
// It has been answered, unless the probe is Manual. The code of one that has none is
// frame.NoStatus.
func (p *Probe) ExpectClose(code frame.Code) (reason string) {
	p.must().t.Helper()
	want := fmt.Sprintf("close %d", code)
	a := p.next(want, false)
	if a.opcode != frame.OpClose || a.code != code {
		p.unexpected(want, a)
	}
	return a.reason
}

// ExpectEnd waits for the end of the connection, with nothing before it, and returns nil for an
// orderly one, and else what the network said, such as syscall.ECONNRESET.
func (p *Probe) ExpectEnd() error {
	p.must().t.Helper()
	const want = "the end of the connection"
	a := p.next(want, false)
	var wrong violation
	if a.end == nil || errors.As(a.end, &wrong) {
		p.unexpected(want, a)
	}
	if a.end == io.EOF {
		return nil
	}
	return a.end
}

// ExpectCompletion waits for a Close with 1000, and for the end of the connection.
func (p *Probe) ExpectCompletion() {
	p.must().t.Helper()
	p.ExpectClose(frame.Normal)
	if err := p.ExpectEnd(); err != nil {
		p.fail("expected an orderly end, got %v", err)
	}
}

// ExpectNothing requires that no message comes for a while, no Close and no end. In a bubble of
// testing/synctest a while takes no time. Pings and Pongs are something to a Manual probe only.
func (p *Probe) ExpectNothing(while time.Duration) {
	p.must().t.Helper()
	if a, ok := p.within(while, p.manual); ok {
		p.unexpected(fmt.Sprintf("nothing for %v", while), a)
	}
}

// Close closes the connection with code and reason, and waits until the other end has answered with
// the same code and the connection has ended. Messages that come before are passed over.
func (p *Probe) Close(code frame.Code, reason string) {
	p.must().t.Helper()
	p.SendClose(code, reason)
	want := fmt.Sprintf("close %d, in answer", code)
	until := time.Now().Add(p.Patience)
	a := p.nextUntil(until, want, false)
	for a.end == nil && a.opcode != frame.OpClose {
		a = p.nextUntil(until, want, false)
	}
	if a.end != nil || a.code != code {
		p.unexpected(want, a)
	}
	if p.manual && !p.client {
		p.conn.CloseWrite()
	}
	p.ExpectEnd()
}

// next waits for what comes next.
func (p *Probe) next(want string, control bool) arrival {
	p.t.Helper()
	return p.nextUntil(time.Now().Add(p.Patience), want, control)
}

// nextUntil is next for who passes over something, which gives no patience back.
func (p *Probe) nextUntil(until time.Time, want string, control bool) arrival {
	p.t.Helper()
	a, ok := p.within(time.Until(until), control || p.manual)
	if !ok {
		p.fail("expected %s, nothing came in %v", want, p.Patience)
	}
	return a
}

func (p *Probe) unexpected(want string, got arrival) {
	p.t.Helper()
	p.fail("expected %s, got %s", want, got.describe())
}

// within waits for what comes next in the time d, which may be a Ping or a Pong if control is true.
func (p *Probe) within(d time.Duration, control bool) (arrival, bool) {
	late := time.NewTimer(d)
	defer late.Stop()
	for {
		if a, ok := p.pop(control); ok {
			return a, true
		}
		select {
		case <-p.fresh:
		case <-late.C:
			return p.pop(control)
		}
	}
}

// pop takes the oldest of what has come. The end stays: there is nothing behind it.
func (p *Probe) pop(control bool) (arrival, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.arrived) > 0 {
		a := p.arrived[0]
		if a.end != nil {
			return a, true
		}
		p.arrived = p.arrived[1:]
		if control || a.opcode != frame.OpPing && a.opcode != frame.OpPong {
			return a, true
		}
	}
	return arrival{}, false
}
