package transport

import "net"

// ServedConn is a net.Conn that brings the goroutine which waits for what comes: net/http's of an HTTP/2 stream. Nobody can look whether it has
// something to read, or space for what is written, and a write cannot be interrupted and go on.
type ServedConn interface {
	net.Conn
	// SetReader is called once. From then on that goroutine serves the Reader.
	SetReader(Reader)
}

// Reader is what the goroutine of a ServedConn serves: after each Next that is true it waits until something can be read, and calls
// Arrived. It has a buffer only while there is something in it.
type Reader interface {
	// Next waits until more is wanted. It is false when there is no more to read, or after Close.
	Next() bool
	// Arrived reads, unless waiting has failed. A goroutine that cannot wait without reading calls it at once, and waits in it.
	Arrived(err error)
}

// servedReader is the portable transport over a ServedConn, as that one's Reader.
type servedReader portable

func (l *servedReader) Next() bool { return (*portable)(l).begin() }

func (l *servedReader) Arrived(err error) {
	n := 0
	var buf *ReadBuffer
	if err == nil {
		buf = GetReadBuffer()
		n, err = l.nc.Read(buf[:])
	}
	l.mu.Lock()
	l.reading, l.readErr = false, err
	if n > 0 && !l.closed {
		l.in, l.borrowed, buf = buf[:n], buf, nil
	}
	l.mu.Unlock()
	if buf != nil {
		PutReadBuffer(buf)
	}
	l.mailbox.Signal(Readable)
}

// freeBorrowed gives back the buffer of what the actor has taken, or takes no more. The lock must be held.
func (p *portable) freeBorrowed() {
	if p.borrowed != nil {
		PutReadBuffer(p.borrowed)
		p.borrowed, p.in = nil, nil
	}
}
