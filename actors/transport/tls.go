package transport

import (
	"crypto/tls"

	"github.com/spindrift-go/spindrift/actors/dispatch"
)

// maxRecord is how much plaintext is encrypted before the socket must have taken it.
const maxRecord = 64 << 10

// maxAnswers is how many bytes of TLS's own answers, to requests for new keys for instance, may wait for a peer that does not read
// before its input is not read either.
const maxAnswers = 16 << 10

// tlsTransport is TLS over a connection that is polled.
type tlsTransport struct {
	conn    *tls.Conn
	below   *PollableConn
	mailbox *dispatch.Mailbox
	answers int  // bytes that reading has made, since all that waited was written
	paused  bool // nothing is read until they are
}

// Read decrypts until TLS asks the socket for more and there is none. After a short read of the socket that takes no system call,
// unless the read brought nothing whole: then the peer's end may be right behind.
func (t *tlsTransport) Read(p []byte) (n int, err error) {
	for t.below.drained = false; n < len(p) && err == nil; {
		if t.answers > maxAnswers {
			if t.push(); t.answers > maxAnswers { // it is Readable when they have been written
				t.paused, err = true, ErrAgain
				break
			}
		}
		var k int
		before := t.Buffered()
		k, err = t.conn.Read(p[n:])
		t.answers += t.Buffered() - before
		if n += k; n == 0 && t.below.drained {
			t.below.drained, err = false, nil
		}
	}
	if t.answers > 0 {
		t.push()
	}
	if n > 0 && err != ErrAgain {
		err = nil // TLS will say it again
	}
	return n, err
}

func (t *tlsTransport) Write(p []byte) (n int, err error) {
	if err := t.push(); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if n, err = t.conn.Write(p[:min(len(p), maxRecord)]); err != nil {
		return n, err
	}
	return n, t.push()
}

func (t *tlsTransport) Writev(head, body []byte) (int, error) { return WriteBoth(t, head, body) }

func (t *tlsTransport) Written() int64 { return t.below.polled.Written() }

func (t *tlsTransport) InterruptWrite() bool { return false }

func (t *tlsTransport) Buffered() int {
	c := t.below
	if c.waiting == nil {
		return 0
	}
	return len(*c.waiting) - c.taken
}

func (t *tlsTransport) HasUnread() bool { return false }

func (t *tlsTransport) Failure() error { return t.below.polled.Failure() }

// push writes ciphertext. It returns ErrAgain if some is left.
func (t *tlsTransport) push() error {
	c := t.below
	if c.waiting == nil {
		return nil
	}
	n, err := c.polled.Write((*c.waiting)[c.taken:])
	if c.taken += n; err != nil {
		return err
	}
	c.freeBuffer()
	t.answers = 0
	if t.paused {
		t.paused = false
		t.mailbox.Signal(Readable)
	}
	return nil
}

// CloseWrite says so in TLS first. What the socket does not take of that is lost with the connection.
func (t *tlsTransport) CloseWrite() {
	t.conn.CloseWrite()
	t.push()
	t.below.polled.CloseWrite()
}

func (t *tlsTransport) CanCloseWrite() bool { return true }

func (t *tlsTransport) Close() {
	t.below.polled.Close()
	t.below.freeBuffer()
}

func (t *tlsTransport) Abort() { t.below.polled.Abort() }
