package transport

import (
	"crypto/tls"
	"net"
	"sync"

	"github.com/spindrift-go/spindrift/actors/dispatch"
)

// Poller opens transports. The operating system's poller, which it starts with the first transport that can use one and stops with
// the last, tells their mailboxes when they are ready.
type Poller struct {
	dispatcher *dispatch.Dispatcher

	mu    sync.Mutex
	epoll *epoll // nil: nobody uses it
	users int    // transports
	holds int    // who wants it to go on running
}

// NewPoller returns a poller whose mailboxes take their turns on d.
func NewPoller(d *dispatch.Dispatcher) *Poller { return &Poller{dispatcher: d} }

// Open takes over nc, whose signals go to m. The transport is polled if nc is TCP, or TLS over TCP, and the system has a
// poller. Otherwise, or if portable is true, a goroutine reads.
func (p *Poller) Open(nc net.Conn, m *dispatch.Mailbox, portable bool) Transport {
	if !portable {
		if t := p.pollable(nc, m); t != nil {
			return t
		}
	}
	return newPortable(nc, m)
}

func (p *Poller) pollable(nc net.Conn, m *dispatch.Mailbox) Transport {
	switch c := nc.(type) {
	case *net.TCPConn:
		if w := p.newPolled(c, m); w != nil {
			return w
		}
	case *PollableConn:
		return p.pollable(c.TCPConn, m)
	case *tls.Conn:
		if !c.ConnectionState().HandshakeComplete {
			return nil
		}
		below := below(c)
		if below == nil {
			return nil
		}
		if w := p.newPolled(below.TCPConn, m); w != nil {
			below.polled = w
			// What TLS has read ahead makes no socket readable.
			m.Signal(Readable)
			return &tlsTransport{conn: c, below: below, mailbox: m}
		}
	}
	return nil
}

// Len is the number of transports that are polled, and of those who keep it running.
func (p *Poller) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.users + p.holds
}

// Keep makes the system's poller running, once a transport has started it, also while none uses it, until the returned function is
// called. It does not start it: where all connections are of another kind, in memory say, there is none, and no goroutine that waits
// for the operating system.
func (p *Poller) Keep() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holds++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.holds--
		p.stopUnused()
	})
}

// acquire returns the system's poller, started if it was not, until as many calls of release.
func (p *Poller) acquire() (*epoll, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.epoll == nil {
		e, err := newEpoll(p.dispatcher)
		if err != nil {
			return nil, err
		}
		p.epoll = e
	}
	p.users++
	return p.epoll, nil
}

func (p *Poller) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
	p.stopUnused()
}

// stopUnused stops the system's poller if nobody needs it any more. The lock must be held.
func (p *Poller) stopUnused() {
	if p.users+p.holds == 0 && p.epoll != nil {
		p.epoll.stop()
		p.epoll = nil
	}
}
