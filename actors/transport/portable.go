package transport

import (
	"crypto/tls"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spindrift-go/spindrift/actors/dispatch"
)

// portable is a transport over any net.Conn, on any system: one goroutine reads, and
// one writes while there is something to write. Where the socket can be asked
// without blocking, they only wait for it: they move the first and the last bytes
// of what the actor moves itself.
type portable struct {
	nc       net.Conn
	raw      syscall.RawConn // of a socket that can be asked, or nil
	mailbox  *dispatch.Mailbox
	maxWrite int // bytes that are written at once

	mu     sync.Mutex
	closed bool
	gone   atomic.Bool // the connection is closed, or about to be

	// Of the reader, see portableread.go.
	mayRead  sync.Cond   // it waits for: readOn was set, or the transport closed
	readOn   bool        // it is to read on
	reading  bool        // it is about to read, or does
	in       []byte      // what it has read and the actor has not taken
	borrowed *ReadBuffer // that in lies in, if the connection is a ServedConn's; nil: nothing waits
	more     bool        // its last read was a full one: the socket may have more
	readErr  error

	// Of the writer, see portablewrite.go.
	out         []byte // what it writes next
	writing     int    // bytes that it writes now
	busy        bool   // it runs
	writeErr    error
	sent        int64         // bytes that the socket has taken
	interrupted bool          // the deadline that its write meets is only for it to count
	below       *PollableConn // that counts, below TLS; nil: there is none
	late        *time.Timer   // ends its last write after Close; nil: none is under way
}

func newPortable(nc net.Conn, m *dispatch.Mailbox) *portable {
	SetNonblocking(nc)
	p := &portable{nc: nc, raw: socketOf(nc), mailbox: m, maxWrite: maxWrite, readOn: true}
	if c, ok := nc.(*tls.Conn); ok {
		if p.below = pollableBelow(c); p.below == nil {
			p.maxWrite = maxBlindWrite
		}
	}
	p.mayRead.L = &p.mu
	if l, ok := nc.(ServedConn); ok {
		p.maxWrite = maxLentWrite
		l.SetReader((*servedReader)(p))
	} else {
		go p.reader()
	}
	return p
}

// Failure is not known before it is read: a peer that resets a connection whose
// handler has no credit left is noticed when the handler gives some.
func (p *portable) Failure() error { return nil }

// CloseWrite is done aside, for TLS has something to write then.
func (p *portable) CloseWrite() {
	if c, ok := p.nc.(halfCloser); ok {
		go c.CloseWrite()
	}
}

func (p *portable) CanCloseWrite() bool {
	_, ok := p.nc.(halfCloser)
	return ok
}

type halfCloser interface{ CloseWrite() error }

// lastWrite is how long a write that is under way may take when the transport is closed: it may be the Close frame.
const lastWrite = time.Second

// Close closes the connection when a write that is under way has ended, or when it has taken too long. A timer says so, for there are
// conns whose deadlines do nothing.
func (p *portable) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.freeBorrowed()
	p.mayRead.Signal()
	if p.busy {
		p.late = time.AfterFunc(lastWrite, p.shut)
		return
	}
	p.shut()
}

func (p *portable) Abort() { p.shut() }

// shut closes the connection, once and aside: a Close may block, for instance if the program has set the socket to linger.
func (p *portable) shut() {
	if p.gone.Swap(true) {
		return
	}
	nc := p.nc
	if c, ok := nc.(*tls.Conn); ok {
		nc = c.NetConn() // without TLS's close_notify, which could block
	}
	go func() {
		if raw := socketOf(nc); raw != nil {
			shutdown(raw)
		}
		nc.Close()
	}()
}
