package transport

// The signals that a transport sends to its mailbox.
const (
	Readable uint32 = 1 << iota
	Writable
	Ended  // the peer has closed its half: read until the end shows
	Broken // the connection is, as Failure says
)

// Transport is a connected socket as the connection actor sees it. No method blocks. All are called from the actor's turns.
// Readiness comes as signals.
type Transport interface {
	// Read returns what is there. ErrAgain, also beside n > 0, says that there is no more until the next Readable. Any other error
	// comes with n == 0.
	Read(p []byte) (n int, err error)
	// Write takes what it can of p. ErrAgain, also beside n == len(p), says that something waits: call again, with an empty p if need
	// be, at the next Writable.
	Write(p []byte) (n int, err error)
	// Writev is Write of head and body, in one system call where there is one. It may take less without ErrAgain.
	Writev(head, body []byte) (n int, err error)
	// Written is how many bytes the socket has taken, also of those that Write took before: a transport may buffer some.
	Written() int64
	// InterruptWrite makes a write that is under way count, for Written, what the socket has taken of it so far. It returns false if
	// the transport counts anyway, or cannot.
	InterruptWrite() bool
	// Buffered is how many bytes Write has taken and the socket has not, yet.
	Buffered() int
	// HasUnread reports whether there may be something to read that a reading goroutine has not got to.
	HasUnread() bool
	// Failure is what has broken the connection. It is nil if nothing has, or if the transport cannot tell without a read or a write.
	Failure() error
	// CanCloseWrite reports whether our half can be closed. If not, the peer learns of our end when Close is called, and waiting for
	// the peer's end is waiting for something that it has no reason to do.
	CanCloseWrite() bool
	// CloseWrite closes our half, after what was written, if that can be.
	CloseWrite()
	// Close closes the socket, at the latest a second after the call. It does not wait for that. No other method but Abort may be called
	// afterwards.
	Close()
	// Abort ends both halves of the connection at once. It alone may be called outside of turns, also while one is under way or
	// after Close; a read or write that blocks then ends.
	Abort()
}

// ErrAgain is the error of a socket that has nothing to read, or no space for what is written.
var ErrAgain error = again{}

// again is ErrAgain's type. Temporary makes crypto/tls keep a connection alive that met it.
type again struct{}

func (again) Error() string   { return "not ready" }
func (again) Timeout() bool   { return false }
func (again) Temporary() bool { return true }

// WriteBoth is Writev for transports that have nothing better.
func WriteBoth(t Transport, head, body []byte) (n int, err error) {
	if n, err = t.Write(head); err != nil || n < len(head) {
		return n, err
	}
	m, err := t.Write(body)
	return n + m, err
}
