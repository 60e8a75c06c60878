package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
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

	mu       sync.Mutex
	mayRead  sync.Cond   // for the reader: readOn was set, or the transport closed
	readOn   bool        // it is to read on
	reading  bool        // it is about to read, or does
	in       []byte      // read and not yet taken by the actor
	borrowed *ReadBuffer // that in lies in, if the connection is a Lender's; nil: nothing waits
	more     bool        // the last read was a full one: the socket may have more
	readErr  error
	closed   bool
	gone     atomic.Bool // the connection is closed, or about to be
	late     *time.Timer // ends the last write; nil: none is under way

	out         []byte // what the writer writes next
	writing     int    // bytes that it writes now
	busy        bool   // it runs
	writeErr    error
	sent        int64         // bytes
	interrupted bool          // the deadline that a write meets is only for it to count
	below       *PollableConn // below TLS; nil: there is none
}

func newPortable(nc net.Conn, m *dispatch.Mailbox) *portable {
	SetNonblocking(nc)
	p := &portable{nc: nc, raw: socketOf(nc), mailbox: m, maxWrite: maxWrite, readOn: true}
	if c, ok := nc.(*tls.Conn); ok {
		if p.below = below(c); p.below == nil {
			p.maxWrite = maxBlindWrite
		}
	}
	p.mayRead.L = &p.mu
	if l, ok := nc.(Lender); ok {
		p.maxWrite = maxLentWrite
		l.Lend((*lenderReader)(p))
	} else {
		go p.reader()
	}
	return p
}

// The reader's buffer is what an idle connection holds. It is small where the actor can
// read what does not fit.
const (
	idleBuffer     = 1 << 10
	readBufferSize = 8 << 10
)

func (p *portable) reader() {
	size := readBufferSize
	if p.raw != nil {
		size = idleBuffer
	}
	buf := make([]byte, size)
	for p.begin() {
		n, err := p.nc.Read(buf)
		p.mu.Lock()
		p.in, p.readErr, p.reading = buf[:n], err, false
		p.more = n == len(buf) && p.raw != nil
		p.mu.Unlock()
		p.mailbox.Signal(Readable)
	}
}

// begin waits until the reader is to read. It returns false if there will be nothing more.
func (p *portable) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.readOn && !p.closed && p.readErr == nil {
		p.mayRead.Wait()
	}
	p.readOn, p.reading = false, p.readErr == nil
	return p.reading
}

// HasUnread: with thousands of other readers, or on a busy machine, it takes the reader a
// while to get to what has arrived.
func (p *portable) HasUnread() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.readErr == nil && (!p.reading || arrived(p.nc))
}

func (p *portable) Read(buf []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := copy(buf, p.in)
	if p.in = p.in[n:]; len(p.in) > 0 {
		return n, nil
	}
	p.freeBorrowed()
	if p.more && n < len(buf) && p.readErr == nil { // the reader waits
		k, err := readNow(p.raw, buf[n:])
		n += k
		p.more = n == len(buf)
		if err != ErrAgain {
			p.readErr = err
		}
	}
	switch {
	case p.readErr == nil && p.more:
		return n, nil
	case p.readErr == nil:
		p.readOn = p.readOn || !p.reading
		p.mayRead.Signal()
		return n, ErrAgain
	case n > 0: // the error comes by itself: the connection may not read on now
		return n, nil
	}
	p.mayRead.Signal()
	return 0, p.readErr
}

func (p *portable) Write(buf []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.writeErr != nil:
		return 0, p.writeErr
	case len(buf) == 0 && !p.busy:
		return 0, nil
	case !p.busy && p.raw != nil:
		n, err = writeNow(p.raw, buf)
		p.sent += int64(n)
		if err != nil && err != ErrAgain {
			p.writeErr = err
		}
		if n == len(buf) || p.writeErr != nil {
			return n, p.writeErr
		}
	}
	k := min(len(buf)-n, maxRecord-len(p.out))
	p.out = append(p.out, buf[n:n+k]...)
	if !p.busy {
		p.busy = true
		go p.writer()
	}
	return n + k, ErrAgain
}

func (p *portable) Written() int64 {
	if p.below != nil {
		return p.below.sent.Load()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent
}

// InterruptWrite ends the write by a deadline. TLS does not forgive one, so it is set on the connection below; TLS over anything else
// writes small pieces and counts those, and so does a Lender.
func (p *portable) InterruptWrite() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, secure := p.nc.(*tls.Conn)
	_, lender := p.nc.(Lender)
	switch {
	case p.below != nil:
		p.below.interruptWrite()
	case secure, lender:
		return false
	case p.interrupted: // the deadline of the last time has not been met yet
	default:
		p.interrupted = true
		go p.nc.SetWriteDeadline(time.Now()) // which may wait for the write
	}
	return true
}

func (p *portable) Buffered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.out) + p.writing
}

// Failure is not known before it is read: a peer that resets a connection whose
// handler has no credit left is noticed when the handler gives some.
func (p *portable) Failure() error { return nil }

// Writev joins head and as much of body as fits beside it: a copy in the cache costs less
// than a write and a segment for the header alone (make bench ROWS=echo8k).
func (p *portable) Writev(head, body []byte) (int, error) {
	buf := GetReadBuffer()
	defer PutReadBuffer(buf)
	n := copy(buf[:], head)
	if n < len(head) {
		return WriteBoth(p, head, body)
	}
	k := copy(buf[n:], body)
	return WriteBoth(p, buf[:n+k], body[k:])
}

// maxWrite is how much is written at once; maxBlindWrite, where nobody can look how much of
// it the socket has taken: each shows that the peer still reads.
const (
	maxWrite      = 16 << 10
	maxBlindWrite = 4 << 10
	maxLentWrite  = 3 << 10 // the peer's window is full without any that the kernel has: of a peer that takes 400 B/s one is taken in 8 s
)

func (p *portable) writer() {
	var own, rest []byte
	p.mu.Lock()
	for p.writeErr == nil && len(rest)+len(p.out) > 0 {
		if len(rest) == 0 {
			own, p.out = p.out, own[:0]
			rest, p.writing = own, len(own)
		}
		p.mu.Unlock()
		n, err := p.nc.Write(rest[:min(len(rest), p.maxWrite)])
		rest = rest[n:]
		p.mu.Lock()
		p.writing = len(rest)
		p.sent += int64(n)
		if p.interrupted && !p.closed && errors.Is(err, os.ErrDeadlineExceeded) {
			p.interrupted, err = false, p.nc.SetWriteDeadline(time.Time{})
		}
		p.writeErr = err
	}
	p.busy = false
	if p.closed {
		if p.late != nil {
			p.late.Stop()
		}
		p.shut()
	}
	p.mu.Unlock()
	p.mailbox.Signal(Writable)
}

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

// farewell is how long a write that is under way may take when the transport is closed: it may be the Close frame.
const farewell = time.Second

// Close closes the connection when a write that is under way has ended, or when it has taken too long. A timer says so, for there are
// conns whose deadlines do nothing.
func (p *portable) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.freeBorrowed()
	p.mayRead.Signal()
	if p.busy {
		p.late = time.AfterFunc(farewell, p.shut)
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
		nc = c.NetConn() // without a farewell that could block
	}
	go func() {
		if raw := socketOf(nc); raw != nil {
			shutdown(raw)
		}
		nc.Close()
	}()
}
