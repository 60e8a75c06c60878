package transport

import (
	"crypto/tls"
	"net"
	"sync"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/internal/lock"
)

// Poller opens transports. The operating system's pollers, which it starts with the first transports that can use one and stops with
// the last, tell their mailboxes when they are ready. There is one for each group of the dispatcher's, that is for eight cores: by its
// measured cost for each event, one poller is what stops 20 to 40 cores from being of use.
type Poller struct {
	dispatcher *dispatch.Dispatcher

	mu     lock.Shared
	epolls []*epoll // one for each group of the dispatcher's; none: nobody uses them
	next   int      // counts the transports, to give each epoll as many
	users  int      // transports
	holds  int      // calls of Keep that were not released
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
		below := pollableBelow(c)
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

// Len is the number of transports that are polled, and of those who keep the system's pollers running.
func (p *Poller) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.users + p.holds
}

// Keep has the system's pollers go on running while no transport uses them, until release is called. It does not start them: where
// all connections are of another kind, in memory say, there are none, and no goroutine waits for the operating system.
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

// acquire returns one of the system's pollers, all started if they were not. They run until as many calls of release.
func (p *Poller) acquire() (*epoll, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for group := len(p.epolls); group < p.dispatcher.Groups(); group++ {
		e, err := newEpoll(p, group)
		if err != nil {
			p.stopUnused()
			return nil, err
		}
		p.epolls = append(p.epolls, e)
	}
	p.users++
	p.next++
	return p.epolls[p.next%len(p.epolls)], nil
}

func (p *Poller) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
	p.stopUnused()
}

// stopUnused stops the system's pollers if nobody needs them any more. The lock must be held.
func (p *Poller) stopUnused() {
	if p.users+p.holds > 0 {
		return
	}
	for _, e := range p.epolls {
		e.stop()
	}
	p.epolls = nil
}
