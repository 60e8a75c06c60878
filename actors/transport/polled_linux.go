package transport

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"golang.org/x/sys/unix"
)

// polled is a TCP socket that epoll watches. Its descriptor is our own: the net.TCPConn it came from is closed, so that Go's poller,
// which would look at every event as well, knows it no more.
type polled struct {
	epoll  *epoll // its poller is released at the end
	fd     int
	slot   int32
	urgent atomic.Bool // TCP urgent data has come: the next short read may have met its mark
	sent   int64       // bytes
	close  sync.Mutex  // Abort must not find fd in other hands
	closed bool
	filled bool // it was full once: it is watched for space
}

// newPolled takes over tcp, or returns nil and leaves it as it was.
func (p *Poller) newPolled(tcp *net.TCPConn, m *dispatch.Mailbox) *polled {
	e, err := p.acquire()
	if err != nil {
		return nil
	}
	fd, err := duplicate(tcp)
	if err != nil {
		p.release()
		return nil
	}
	w := &polled{epoll: e, fd: fd}
	if err := e.add(w, m); err != nil {
		unix.Close(fd)
		p.release()
		return nil
	}
	tcp.Close()
	return w
}

// duplicate returns another descriptor of tcp's socket.
func duplicate(tcp *net.TCPConn) (fd int, err error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	if cerr := raw.Control(func(old uintptr) {
		fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0)
	}); cerr != nil {
		return -1, cerr
	}
	return fd, os.NewSyscallError("fcntl", err)
}

// Read takes a short read for an empty socket, which saves a system call each time. TCP urgent data is the exception: a read ends
// before its mark, whatever is behind it.
func (w *polled) Read(p []byte) (int, error) {
	for {
		n, err := recv(w.fd, p)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return 0, ErrAgain
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		case n < len(p) && !(w.urgent.Load() && w.urgent.Swap(false)):
			return n, ErrAgain
		}
		return n, nil
	}
}

func (w *polled) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		k, err := send(w.fd, p)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return n, w.full()
		case err != nil:
			return n, os.NewSyscallError("write", err)
		}
		n += k
		w.sent += int64(k)
		p = p[k:]
	}
	return n, nil
}

// full says that the socket takes no more, and has its mailbox signalled when it does.
func (w *polled) full() error {
	if !w.filled {
		w.filled = true
		if err := w.epoll.watchSpace(w); err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
	}
	return ErrAgain
}

func (w *polled) Writev(head, body []byte) (n int, err error) {
	if len(head) == 0 || len(body) == 0 {
		return WriteBoth(w, head, body)
	}
	n, err = sendBoth(w.fd, head, body)
	switch err {
	case nil:
		w.sent += int64(n)
		return n, nil
	case unix.EINTR, unix.EAGAIN:
		return 0, nil // Write will find out
	}
	return 0, os.NewSyscallError("writev", err)
}

func (w *polled) Written() int64 { return w.sent }

func (w *polled) InterruptWrite() bool { return false }

func (w *polled) Buffered() int { return 0 }

func (w *polled) HasUnread() bool { return false }

func (w *polled) Failure() error {
	errno, err := unix.GetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil || errno == 0 {
		return nil
	}
	return os.NewSyscallError("read", unix.Errno(errno))
}

func (w *polled) CanCloseWrite() bool { return true }

func (w *polled) CloseWrite() { unix.Shutdown(w.fd, unix.SHUT_WR) }

// Close closes the socket aside if the program has called SetLinger: that may block.
func (w *polled) Close() {
	w.epoll.remove(w)
	w.epoll.poller.release()
	w.close.Lock()
	defer w.close.Unlock()
	w.closed = true
	if on, _ := unix.GetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_LINGER); on != 0 { // the first half of struct linger
		go unix.Close(w.fd)
		return
	}
	unix.Close(w.fd)
}

func (w *polled) Abort() {
	w.close.Lock()
	defer w.close.Unlock()
	if !w.closed {
		unix.Shutdown(w.fd, unix.SHUT_RDWR)
	}
}
