package actors

import (
	"crypto/tls"
	"net"
)

// Lane is a TCP connection under a tls.Conn that can leave Go's blocking reads
// and writes behind: until the upgrade it is the net.TCPConn, afterwards its
// Read returns at once and its Write keeps what the socket does not take.
type Lane struct {
	*net.TCPConn
	polled  *polled // set in the turn of the upgrade, when nobody else uses the connection
	waiting []byte  // ciphertext that the socket has not taken
}

func (l *Lane) Read(p []byte) (int, error) {
	if l.polled == nil {
		return l.TCPConn.Read(p)
	}
	n, err := l.polled.read(p)
	if n > 0 {
		err = nil
	}
	return n, err
}

// Write takes all of p, for a tls.Conn that met a short write is lost.
func (l *Lane) Write(p []byte) (int, error) {
	if l.polled == nil {
		return l.TCPConn.Write(p)
	}
	l.waiting = append(l.waiting, p...)
	return len(p), nil
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

func (s *secure) read(p []byte) (int, error) {
	n, err := s.conn.Read(p)
	if len(s.lane.waiting) > 0 { // an answer of TLS's own
		s.push()
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

// push writes ciphertext; errAgain if some is left.
func (s *secure) push() error {
	l := s.lane
	for len(l.waiting) > 0 {
		n, err := l.polled.write(l.waiting)
		l.waiting = l.waiting[n:]
		if err != nil {
			return err
		}
	}
	l.waiting = nil
	return nil
}

// closeWrite says so in TLS first; what the socket does not take of that is lost
// with the connection.
func (s *secure) closeWrite() {
	s.conn.CloseWrite()
	s.push()
	s.lane.polled.closeWrite()
}

func (s *secure) close() { s.lane.polled.close() }
