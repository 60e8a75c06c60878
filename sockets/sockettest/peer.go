package sockettest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
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
	if p.must(); script == nil {
		panic("sockettest: Go of a nil script")
	}
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
