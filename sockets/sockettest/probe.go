package sockettest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
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

// must returns p, which is one end of a connection.
func (p *Probe) must() *Probe {
	if p == nil || p.t == nil {
		panic("sockettest: no connection: a Probe comes from Connect or a Peer's Accept")
	}
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
func (p *Probe) Request() *http.Request { return p.must().request }

// Response returns the answer to it. A Peer that gives an answer of its own has none.
func (p *Probe) Response() *http.Response { return p.must().response }

// Subprotocol returns what was agreed on, "" if nothing was.
func (p *Probe) Subprotocol() string {
	if p.must().response == nil {
		return ""
	}
	return p.response.Header.Get("Sec-WebSocket-Protocol")
}

// Compressed reports whether permessage-deflate was agreed on. Messages are then sent compressed.
func (p *Probe) Compressed() bool { return p.must().deflate }

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
