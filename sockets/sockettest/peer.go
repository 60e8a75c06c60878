package sockettest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/sockets"
)

// Peer is a server for client code, of which the test decides every byte. It answers handshakes by
// itself, as its options say, while the client's Dial waits; what follows is done with the Probe
// that Accept returns.
type Peer struct {
	t        testing.TB
	l        *listener
	settings settings
	probes   chan *Probe
	faults   chan string // handshakes that are none
	stopped  chan struct{}
	all      sync.WaitGroup
	scripts  sync.WaitGroup
}

// NewPeer starts one, until the test ends. Of the options Header, Subprotocols, Compression, Manual,
// Refuse and Answer count.
func NewPeer(t testing.TB, options ...Option) *Peer {
	p := &Peer{
		t: t, l: newListener(), settings: collect(options),
		probes: make(chan *Probe), faults: make(chan string), stopped: make(chan struct{}),
	}
	p.all.Go(func() {
		for {
			c, err := p.l.Accept()
			if err != nil {
				return
			}
			p.all.Go(func() { p.shake(c.(*conn)) })
		}
	})
	t.Cleanup(func() {
		p.finish()
		close(p.stopped)
		p.l.Close()
		p.all.Wait()
		p.scripts.Wait()
	})
	return p
}

// must returns p, which is a server.
func (p *Peer) must() *Peer {
	if p == nil || p.t == nil {
		panic("sockettest: no server: a Peer comes from NewPeer")
	}
	return p
}

// finish lets scripts come to their ends, as long as a test is patient.
func (p *Peer) finish() {
	if p.t.Failed() {
		return
	}
	finished := make(chan struct{})
	p.all.Go(func() {
		p.scripts.Wait()
		close(finished)
	})
	late := time.NewTimer(patience())
	defer late.Stop()
	select {
	case <-finished:
	case <-late.C: // what its script expects next is the end
	}
}

// Refuse has a Peer answer with another status than 101, and close.
func Refuse(status int, body string) Option {
	return Answer(func(*http.Request) [][]byte {
		r := http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Close: true, ContentLength: int64(len(body)),
			Header: http.Header{"Content-Type": {"text/plain"}}, Body: io.NopCloser(strings.NewReader(body))}
		var b bytes.Buffer
		r.Write(&b)
		return [][]byte{b.Bytes()}
	})
}

// Answer has a Peer answer a handshake with bytes, each slice by a write of its own, or with none at
// all. SwitchingProtocols makes those of a 101. What is no 101 is followed by the end of the
// connection, unless it is nothing.
func Answer(f func(r *http.Request) [][]byte) Option {
	return func(s *settings) { s.answer = f }
}

// SwitchingProtocols is a valid answer to a handshake, with more lines in its header if there are any.
func SwitchingProtocols(r *http.Request, lines ...string) []byte {
	b := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		acceptOf(r.Header.Get("Sec-WebSocket-Key")) + "\r\n"
	for _, l := range lines {
		b += l + "\r\n"
	}
	return []byte(b + "\r\n")
}

// DialContext connects to the peer whatever the address, for other clients than those of package
// sockets: as NetDialContext of gorilla's, or DialContext of an http.Transport.
func (p *Peer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return dialed(p.must().l.dial(ctx))
}

// Dialer connects a client of package sockets to the peer.
func (p *Peer) Dialer() sockets.Dialer {
	return sockets.Dialer{NetDial: p.must().DialContext, Proxy: sockets.NoProxy}
}

// Stop refuses connections from now on, as a server that is down does. Those that there are live on.
func (p *Peer) Stop() { p.must().l.Close() }

// Accept waits for a client that has been answered with a 101, and returns the server's end of its
// connection. The test fails if a client has sent a handshake that is none.
func (p *Peer) Accept() *Probe {
	p.must().t.Helper()
	probe, fault := p.accept()
	if probe == nil {
		p.t.Fatalf("sockettest: %s", fault)
	}
	return probe
}

// Go has script say what happens with the next client, on a goroutine of its own, while the test
// waits for its own code. If the script fails, so does the test, and the connection is reset. The
// test does not end before the script has.
func (p *Peer) Go(script func(p *Probe)) {
	p.must()
	p.scripts.Go(func() {
		probe, fault := p.accept()
		if probe == nil {
			p.t.Errorf("sockettest: %s", fault)
			return
		}
		probe.aside = true
		script(probe)
	})
}

func (p *Peer) accept() (probe *Probe, fault string) {
	late := time.NewTimer(patience())
	defer late.Stop()
	select {
	case probe := <-p.probes:
		return probe, ""
	case fault := <-p.faults:
		return nil, "the client has sent a handshake that is none: " + fault
	case <-late.C:
		return nil, fmt.Sprintf("expected a client, nobody has connected in %v", patience())
	case <-p.stopped:
		return nil, "expected a client, nobody has connected"
	}
}

// shake answers a handshake, and keeps the connection until the test ends or it does.
func (p *Peer) shake(c *conn) {
	defer c.Close()
	go func() { // virtual time needs no goroutine that waits for a dead client
		<-p.stopped
		c.Close()
	}()
	in := bufio.NewReader(c)
	r, err := http.ReadRequest(in)
	if err != nil {
		return // it has left
	}
	if err := judgeRequest(r); err != nil {
		io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
		select {
		case p.faults <- err.Error():
		case <-p.stopped:
		}
		return
	}
	s := p.settings
	answers := s.reply(r)
	for _, b := range answers {
		if _, err := c.Write(b); err != nil {
			return
		}
	}
	switch {
	case len(answers) == 0:
		io.Copy(io.Discard, in) // until the client has lost patience
		return
	case !bytes.HasPrefix(bytes.Join(answers, nil), []byte("HTTP/1.1 101")):
		c.CloseWrite()
		io.Copy(io.Discard, in)
		return
	}
	probe := newProbe(p.t, c, in, false, s)
	probe.request = r
	probe.response, _ = http.ReadResponse(bufio.NewReader(bytes.NewReader(bytes.Join(answers, nil))), r)
	select {
	case p.probes <- probe:
	case <-p.stopped:
	}
	<-p.stopped
	probe.over()
}

// reply is the answer that the settings make, and sets in them what was agreed on.
func (s *settings) reply(r *http.Request) [][]byte {
	offer := strings.Join(r.Header.Values("Sec-WebSocket-Extensions"), ",")
	s.deflate = s.deflate && strings.Contains(offer, "permessage-deflate")
	if s.answer != nil {
		return s.answer(r)
	}
	var lines []string
	for _, name := range s.offered {
		if hasToken(r.Header, "Sec-WebSocket-Protocol", name) {
			lines = append(lines, "Sec-WebSocket-Protocol: "+name)
			break
		}
	}
	if s.deflate {
		lines = append(lines, "Sec-WebSocket-Extensions: "+extension)
	}
	for name, values := range s.header {
		for _, v := range values {
			lines = append(lines, name+": "+v)
		}
	}
	return [][]byte{SwitchingProtocols(r, lines...)}
}

// judgeRequest says what is wrong with a client's handshake, RFC 6455 4.1.
func judgeRequest(r *http.Request) error {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	switch h := r.Header; {
	case r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1):
		return fmt.Errorf("%s %s", r.Method, r.Proto)
	case r.Host == "":
		return fmt.Errorf("without a Host")
	case !hasToken(h, "Upgrade", "websocket") || !hasToken(h, "Connection", "upgrade"):
		return fmt.Errorf("its Upgrade is %q and its Connection %q", h.Get("Upgrade"), h.Get("Connection"))
	case h.Get("Sec-WebSocket-Version") != "13":
		return fmt.Errorf("its version is %q", h.Get("Sec-WebSocket-Version"))
	case err != nil || len(key) != 16 || len(h.Values("Sec-WebSocket-Key")) != 1:
		return fmt.Errorf("its key is %q", h.Values("Sec-WebSocket-Key"))
	}
	return nil
}
