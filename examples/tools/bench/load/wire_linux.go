package load

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// errAgain says that a call would have blocked. crypto/tls keeps a connection usable after a temporary net.Error.
var errAgain net.Error = again{}

type again struct{}

func (again) Error() string   { return "load: would block" }
func (again) Timeout() bool   { return false }
func (again) Temporary() bool { return true }

// wire is the net.Conn under a TLS client: reads do not wait once the descriptor is non-blocking, writes always do.
type wire struct {
	fd     int
	polled bool // the descriptor is non-blocking, and read when epoll says so
	dry    bool // the last read took all there was
}

// Read answers errAgain after a short read without asking the kernel again: what comes later is epoll's to tell.
func (w *wire) Read(b []byte) (int, error) {
	if w.dry {
		w.dry = false
		return 0, errAgain
	}
	n, err := readFD(w.fd, b)
	w.dry = w.polled && err == nil && n < len(b)
	return n, err
}

func (w *wire) Write(b []byte) (int, error) {
	sent := 0
	for sent < len(b) {
		n, err := writeFD(w.fd, b[sent:])
		sent += n
		if err == errAgain {
			err = retry(func() error {
				_, err := unix.Poll([]unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLOUT}}, stepSeconds*1000)
				return err
			})
		}
		if err != nil {
			return sent, err
		}
	}
	return sent, nil
}

func (w *wire) Close() error                     { return nil } // the peer owns the descriptor
func (w *wire) LocalAddr() net.Addr              { return nil }
func (w *wire) RemoteAddr() net.Addr             { return nil }
func (w *wire) SetDeadline(time.Time) error      { return nil }
func (w *wire) SetReadDeadline(time.Time) error  { return nil }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
