package actors

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Lane is a TCP connection under a tls.Conn that can leave Go's blocking reads
// and writes behind: until the upgrade it is the net.TCPConn, afterwards its
// Read returns at once and its Write keeps what the socket does not take. On the
// portable wire it stays what it was, and counts what a write has moved.
type Lane struct {
	*net.TCPConn
	polled  *polled // set in the turn of the upgrade, when nobody else uses the connection
	dry     bool    // the last read has emptied the socket
	waiting *[]byte // ciphertext that the socket has not taken, from spare; nil: none
	taken   int     // of that, at the front

	sent   atomic.Int64 // bytes, by writes that block
	mu     sync.Mutex
	nudged bool // the deadline that a write meets is only for it to count
}

func (l *Lane) Read(p []byte) (int, error) {
	if l.polled == nil {
		return l.TCPConn.Read(p)
	}
	if l.dry {
		return 0, errAgain
	}
	n, err := l.polled.read(p)
	if n > 0 {
		l.dry, err = err == errAgain, nil
	}
	return n, err
}

// Write takes all of p, for a tls.Conn that met a short write is lost.
func (l *Lane) Write(p []byte) (int, error) {
	if l.polled == nil {
		return l.block(p)
	}
	if l.waiting == nil {
		l.waiting = spare.Get().(*[]byte)
	}
	*l.waiting = append(*l.waiting, p...)
	return len(p), nil
}

// block writes p, of which TLS need not know how often that was interrupted: it
// does not forgive a deadline.
func (l *Lane) block(p []byte) (n int, err error) {
	for {
		k, err := l.TCPConn.Write(p[n:])
		l.sent.Add(int64(k))
		if n += k; err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || !l.goOn() {
			return n, err
		}
	}
}

// nudge interrupts a write.
func (l *Lane) nudge() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nudged = true
	l.TCPConn.SetWriteDeadline(time.Now())
}

// goOn takes the deadline of a nudge away, if it was one.
func (l *Lane) goOn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.nudged {
		return false
	}
	l.nudged = false
	return l.TCPConn.SetWriteDeadline(time.Time{}) == nil
}

// SetDeadline is of reads and writes.
func (l *Lane) SetDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nudged = false
	return l.TCPConn.SetDeadline(t)
}

// SetWriteDeadline is of writes.
func (l *Lane) SetWriteDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nudged = false
	return l.TCPConn.SetWriteDeadline(t)
}

// Close closes the socket, whichever way it is used.
func (l *Lane) Close() error {
	if l.polled == nil {
		return l.TCPConn.Close()
	}
	return nil // the wire does
}

// Listener makes every TCP connection that l accepts a Lane, so that TLS on top
// of it can be polled after an upgrade.
type Listener struct{ net.Listener }

// Accept returns a *Lane for a *net.TCPConn, anything else as it is.
func (l Listener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if tcp, ok := nc.(*net.TCPConn); ok {
		return &Lane{TCPConn: tcp}, err
	}
	return nc, err
}

// record is how much plaintext is encrypted before the socket must have taken it.
const record = 64 << 10

// secure is TLS over a lane that is polled.
type secure struct {
	conn *tls.Conn
	lane *Lane
}

// read decrypts until TLS asks the socket for more and there is none. After a short
// read of the socket that takes no system call, unless it brought nothing whole:
// then the peer's end may be right behind.
func (s *secure) read(p []byte) (n int, err error) {
	for s.lane.dry = false; n < len(p) && err == nil; {
		var k int
		k, err = s.conn.Read(p[n:])
		if n += k; n == 0 && s.lane.dry {
			s.lane.dry, err = false, nil
		}
	}
	if s.lane.waiting != nil { // an answer of TLS's own
		s.push()
	}
	if n > 0 && err != errAgain {
		err = nil // TLS will say it again
	}
	return n, err
}

func (s *secure) write(p []byte) (n int, err error) {
	if err := s.push(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if n, err = s.conn.Write(p[:min(len(p), record)]); err != nil {
		return n, err
	}
	return n, s.push()
}

func (s *secure) writev(head, body []byte) (int, error) { return writeBoth(s, head, body) }

func (s *secure) moved() int64 { return s.lane.polled.moved() }

func (s *secure) nudge() bool { return false }

func (s *secure) kept() int {
	l := s.lane
	if l.waiting == nil {
		return 0
	}
	return len(*l.waiting) - l.taken
}

func (s *secure) unseen() bool { return false }

func (s *secure) failure() error { return s.lane.polled.failure() }

// push writes ciphertext; errAgain if some is left.
func (s *secure) push() error {
	l := s.lane
	if l.waiting == nil {
		return nil
	}
	n, err := l.polled.write((*l.waiting)[l.taken:])
	if l.taken += n; err != nil {
		return err
	}
	l.forget()
	return nil
}

// forget gives the buffer of what waited back.
func (l *Lane) forget() {
	switch {
	case l.waiting == nil:
	case cap(*l.waiting) <= fill:
		*l.waiting = (*l.waiting)[:0]
		spare.Put(l.waiting)
	default:
		spare.forget()
	}
	l.waiting, l.taken = nil, 0
}

// closeWrite says so in TLS first; what the socket does not take of that is lost
// with the connection.
func (s *secure) closeWrite() {
	s.conn.CloseWrite()
	s.push()
	s.lane.polled.closeWrite()
}

func (s *secure) close() {
	s.lane.polled.close()
	s.lane.forget()
}
