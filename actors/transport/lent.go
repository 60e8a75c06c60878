package transport

import "net"

// Lender is a net.Conn that brings the goroutine which reads it: net/http's of an HTTP/2 stream. Nobody can look whether it has
// something to read, or space for what is written, and a write cannot be interrupted and go on.
type Lender interface {
	net.Conn
	// Lend is called once, with the loop that reads. It ends when there is no more to read, or after Close.
	Lend(read func())
}

// lentReader is the reader of a Lender. It has a buffer only while there is something in it: a read of no bytes waits as well. Where
// that does not, the read behind it does.
func (p *portable) lentReader() {
	for p.begin() {
		n := 0
		var buf *ReadBuffer
		_, err := p.nc.Read(nil)
		if err == nil {
			buf = GetReadBuffer()
			n, err = p.nc.Read(buf[:])
		}
		p.mu.Lock()
		p.reading, p.readErr = false, err
		if n > 0 && !p.closed {
			p.in, p.lent, buf = buf[:n], buf, nil
		}
		p.mu.Unlock()
		if buf != nil {
			PutReadBuffer(buf)
		}
		p.mailbox.Signal(Readable)
	}
}

// freeLent gives back the buffer of what the actor has taken, or takes no more. The lock must be held.
func (p *portable) freeLent() {
	if p.lent != nil {
		PutReadBuffer(p.lent)
		p.lent, p.in = nil, nil
	}
}
