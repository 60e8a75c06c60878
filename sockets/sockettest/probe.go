package sockettest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spindrift-go/spindrift/frame"
)

// Probe is one end of a WebSocket, in the hands of a test. What it is asked to send and to expect
// happens at once or fails the test, so its methods are for the test's own goroutine, or a script of
// Peer.Go.
//
// Unless it is Manual it behaves as every endpoint must, by itself: it answers a Ping with a Pong
// and a Close with a Close. Where a message is expected, Pings and Pongs are passed over then.
type Probe struct {
	// Patience is how long an expectation waits: 10 s, or an hour in a bubble of
	// testing/synctest, where that takes no time.
	Patience time.Duration

	t        testing.TB
	conn     *conn
	in       *bufio.Reader
	request  *http.Request
	response *http.Response
	client   bool // this end is
	manual   bool
	deflate  bool // messages may be compressed
	aside    bool // this is not the test's own goroutine

	writing chan struct{} // holds a token while nobody writes
	fresh   chan struct{} // holds a token while something may have come that nobody has looked at
	done    chan struct{} // closed when the reader has ended

	mu         sync.Mutex
	arrived    []arrival
	sentClose  bool
	transcript []string // the end of the conversation
}

// arrival is what has come, in order: a message, a Ping, a Pong, a Close or the end.
type arrival struct {
	opcode  frame.Opcode
	payload []byte
	code    frame.Code // of a Close
	reason  string
	end     error // of the connection: io.EOF, a violation, or what the network says
}

// describe is a in the words of a failure.
func (a arrival) describe() string {
	var wrong violation
	switch {
	case errors.As(a.end, &wrong):
		return "what is not allowed: " + string(wrong)
	case a.end == io.EOF:
		return "the end of the connection"
	case a.end != nil:
		return "the end of the connection: " + a.end.Error()
	case a.opcode == frame.OpClose && a.code == frame.NoStatus:
		return "a close without a code"
	case a.opcode == frame.OpClose:
		return fmt.Sprintf("close %d %q", a.code, a.reason)
	case a.opcode == frame.OpText:
		return "text " + quote(string(a.payload))
	}
	return fmt.Sprintf("%v %s", a.opcode, dump(a.payload))
}

// quote and dump show the beginning of what is long.
func quote(s string) string {
	const most = 300
	if len(s) > most {
		return fmt.Sprintf("%q... (%d bytes)", s[:most], len(s))
	}
	return fmt.Sprintf("%q", s)
}

func dump(b []byte) string {
	const most = 64
	if len(b) > most {
		return fmt.Sprintf("[% x ...] (%d bytes)", b[:most], len(b))
	}
	return fmt.Sprintf("[% x]", b)
}

// newProbe makes one of a connection that has been upgraded. in is what it is read by.
func newProbe(t testing.TB, c *conn, in *bufio.Reader, client bool, s settings) *Probe {
	p := &Probe{
		Patience: patience(), t: t, conn: c, in: in, client: client, manual: s.manual, deflate: s.deflate,
		writing: make(chan struct{}, 1), fresh: make(chan struct{}, 1), done: make(chan struct{}),
	}
	p.writing <- struct{}{}
	go p.read()
	return p
}

// patience is how long expectations wait if nobody says otherwise.
func patience() time.Duration {
	if inBubble() {
		return time.Hour
	}
	return 10 * time.Second
}

// inBubble reports whether the time of this goroutine is virtual. Its stack says so, in its first line.
func inBubble() bool {
	var b [200]byte
	first, _, _ := bytes.Cut(b[:runtime.Stack(b[:], false)], []byte("\n"))
	return bytes.Contains(first, []byte("synctest bubble"))
}

// over is what is left to do when the test ends: a violation that nobody has met is still one.
func (p *Probe) over() {
	p.conn.pause(false)
	p.conn.Close()
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.arrived {
		var wrong violation
		if errors.As(a.end, &wrong) && !p.t.Failed() {
			p.t.Errorf("sockettest: the %s has sent %s%s", p.other(), a.describe(), p.sofar())
		}
	}
}

// other is who is at the other end.
func (p *Probe) other() string {
	if p.client {
		return "server"
	}
	return "client"
}

// Request returns the handshake's request.
func (p *Probe) Request() *http.Request { return p.request }

// Response returns the answer to it. A Peer that gives an answer of its own has none.
func (p *Probe) Response() *http.Response { return p.response }

// Subprotocol returns what was agreed on, "" if nothing was.
func (p *Probe) Subprotocol() string {
	if p.response == nil {
		return ""
	}
	return p.response.Header.Get("Sec-WebSocket-Protocol")
}

// Compressed reports whether permessage-deflate was agreed on. Messages are then sent compressed.
func (p *Probe) Compressed() bool { return p.deflate }

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

// tell adds to the transcript. The lock must be held.
func (p *Probe) tell(direction, what string) {
	const most = 12
	if len(p.transcript) == most {
		p.transcript = append(p.transcript[:0], p.transcript[1:]...)
	}
	p.transcript = append(p.transcript, direction+" "+what)
}

// sofar is the transcript for a failure. The lock must be held.
func (p *Probe) sofar() string {
	if len(p.transcript) == 0 {
		return ""
	}
	return "\nthe conversation, > from here and < from there:\n\t" + strings.Join(p.transcript, "\n\t")
}

// fail ends the test.
func (p *Probe) fail(format string, args ...any) {
	p.t.Helper()
	p.mu.Lock()
	transcript := p.sofar()
	p.mu.Unlock()
	text := fmt.Sprintf("sockettest: %s%s", fmt.Sprintf(format, args...), transcript)
	if !p.aside {
		p.t.Fatal(text)
	}
	p.t.Error(text)
	p.conn.abort() // nobody goes on with it
	runtime.Goexit()
}
