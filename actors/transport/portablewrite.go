package transport

import (
	"crypto/tls"
	"errors"
	"os"
	"time"
)

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
// writes small pieces and counts those, and so does a ServedConn.
func (p *portable) InterruptWrite() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, secure := p.nc.(*tls.Conn)
	_, served := p.nc.(ServedConn)
	switch {
	case p.below != nil:
		p.below.interruptWrite()
	case secure, served:
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
