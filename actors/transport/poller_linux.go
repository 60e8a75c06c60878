package transport

import (
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"github.com/spindrift-go/spindrift/actors/dispatch"
)

// harvest is how many events are taken before the crew gets to settle them: asking
// for more at once costs 20 to 30 % with thousands of busy connections.
const harvest = 128

// epoll tells mailboxes that their sockets are ready. It is one epoll
// descriptor, which is itself pollable: its goroutine parks in Go's own network
// poller, so no thread is lost in epoll_wait.
type epoll struct {
	dispatcher *dispatch.Dispatcher
	epfd       int
	file       *os.File

	mu    sync.Mutex
	slots []slot
	free  []int32
}

// slot is where events of one socket go. Descriptors and slots are reused, so an
// event carries the generation it was meant for.
type slot struct {
	mailbox    *dispatch.Mailbox
	generation int32
}

func newEpoll(d *dispatch.Dispatcher) (*epoll, error) {
	epfd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(epfd, true); err != nil {
		syscall.Close(epfd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &epoll{dispatcher: d, epfd: epfd, file: os.NewFile(uintptr(epfd), "epoll")}
	raw, err := p.file.SyscallConn()
	if err != nil {
		p.file.Close()
		return nil, err
	}
	go p.run(raw)
	return p, nil
}

// run waits until stop closes the file. The callback returns false to park; an
// event that comes before it has parked is not missed, for Go's poller keeps it.
func (p *epoll) run(raw syscall.RawConn) {
	events := make([]syscall.EpollEvent, harvest)
	ready := make([]*dispatch.Mailbox, 0, harvest)
	raw.Read(func(fd uintptr) (done bool) {
		for {
			n, err := syscall.EpollWait(int(fd), events, 0)
			if err == syscall.EINTR {
				continue
			}
			ready = p.settle(events[:max(n, 0)], ready[:0])
			p.dispatcher.Post(ready)
			clear(ready)
			if n < harvest {
				return false
			}
			runtime.Gosched()
		}
	})
}

// settle signals the mailboxes of events; those that are now in need of a turn
// are appended to ready.
func (p *epoll) settle(events []syscall.EpollEvent, ready []*dispatch.Mailbox) []*dispatch.Mailbox {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range events {
		e := &events[i]
		s := p.slots[e.Fd]
		if s.mailbox == nil || s.generation != e.Pad {
			continue
		}
		if s.mailbox.Mark(signals(e.Events)) {
			ready = append(ready, s.mailbox)
		}
	}
	return ready
}

func signals(events uint32) (bits uint32) {
	if events&(syscall.EPOLLIN|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		bits |= Readable
	}
	if events&(syscall.EPOLLOUT|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		bits |= Writable
	}
	if events&(syscall.EPOLLRDHUP|syscall.EPOLLHUP|syscall.EPOLLERR) != 0 {
		bits |= Readable | Ended
	}
	if events&syscall.EPOLLERR != 0 {
		bits |= Broken
	}
	return bits
}

// add registers fd once for everything, edge-triggered.
func (p *epoll) add(fd int, m *dispatch.Mailbox) (place int32, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		place, p.free = p.free[n-1], p.free[:n-1]
	} else {
		place = int32(len(p.slots))
		p.slots = append(p.slots, slot{})
	}
	s := &p.slots[place]
	s.mailbox = m
	s.generation++
	const edge = 1 << 31 // syscall.EPOLLET is negative
	err = syscall.EpollCtl(p.epfd, syscall.EPOLL_CTL_ADD, fd, &syscall.EpollEvent{
		Events: syscall.EPOLLIN | syscall.EPOLLOUT | syscall.EPOLLRDHUP | edge,
		Fd:     place,
		Pad:    s.generation,
	})
	if err != nil {
		p.forget(place)
	}
	return place, err
}

// remove forgets a socket that is about to be closed.
func (p *epoll) remove(place int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(place)
}

func (p *epoll) forget(place int32) {
	p.slots[place].mailbox = nil
	p.free = append(p.free, place)
}

func (p *epoll) stop() { p.file.Close() }

// polled is a TCP socket that the poller watches. Its descriptor is our own: the
// net.TCPConn it came from is closed, so that Go's poller, which would look at
// every event as well, knows it no more.
type polled struct {
	poller *Poller // that is released at the end
	epoll  *epoll
	fd     int
	place  int32
	closed bool
	close  sync.Mutex // Abort must not find fd in other hands
	sent   int64      // bytes
}

// newPolled takes over tcp, or returns nil and leaves it as it was.
func (p *Poller) newPolled(tcp *net.TCPConn, m *dispatch.Mailbox) *polled {
	e, err := p.hold()
	if err != nil {
		return nil
	}
	fd, err := duplicate(tcp)
	if err != nil {
		p.release()
		return nil
	}
	place, err := e.add(fd, m)
	if err != nil {
		syscall.Close(fd)
		p.release()
		return nil
	}
	tcp.Close()
	return &polled{poller: p, epoll: e, fd: fd, place: place}
}

func duplicate(tcp *net.TCPConn) (fd int, err error) {
	raw, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	if cerr := raw.Control(func(old uintptr) {
		r, _, errno := syscall.Syscall(syscall.SYS_FCNTL, old, syscall.F_DUPFD_CLOEXEC, 0)
		if fd = int(r); errno != 0 {
			err = os.NewSyscallError("fcntl", errno)
		}
	}); cerr != nil {
		return -1, cerr
	}
	return fd, err
}

func (w *polled) Read(p []byte) (int, error) {
	for {
		n, err := syscall.Read(w.fd, p)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return 0, ErrAgain
		case err != nil:
			return 0, os.NewSyscallError("read", err)
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		case n < len(p): // a short read has emptied the socket
			return n, ErrAgain
		}
		return n, nil
	}
}

func (w *polled) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		k, err := syscall.Write(w.fd, p)
		switch {
		case err == syscall.EINTR:
			continue
		case err == syscall.EAGAIN:
			return n, ErrAgain
		case err != nil:
			return n, os.NewSyscallError("write", err)
		}
		n += k
		w.sent += int64(k)
		p = p[k:]
	}
	return n, nil
}

func (w *polled) Writev(head, body []byte) (n int, err error) {
	if len(head) == 0 || len(body) == 0 {
		return WriteBoth(w, head, body)
	}
	vec := [2]syscall.Iovec{{Base: &head[0], Len: uint64(len(head))}, {Base: &body[0], Len: uint64(len(body))}}
	r, _, errno := syscall.Syscall(syscall.SYS_WRITEV, uintptr(w.fd), uintptr(unsafe.Pointer(&vec)), uintptr(len(vec)))
	switch errno {
	case 0:
		w.sent += int64(r)
		return int(r), nil
	case syscall.EINTR, syscall.EAGAIN:
		return 0, nil // write will find out
	}
	return 0, os.NewSyscallError("writev", errno)
}

func (w *polled) Written() int64 { return w.sent }

func (w *polled) InterruptWrite() bool { return false }

func (w *polled) Buffered() int { return 0 }

func (w *polled) HasUnread() bool { return false }

func (w *polled) Failure() error {
	errno, err := syscall.GetsockoptInt(w.fd, syscall.SOL_SOCKET, syscall.SO_ERROR)
	if err != nil || errno == 0 {
		return nil
	}
	return os.NewSyscallError("read", syscall.Errno(errno))
}

func (w *polled) CloseWrite() { syscall.Shutdown(w.fd, syscall.SHUT_WR) }

func (w *polled) Close() {
	w.epoll.remove(w.place)
	w.close.Lock()
	w.closed = true
	syscall.Close(w.fd)
	w.close.Unlock()
	w.poller.release()
}

func (w *polled) Abort() {
	w.close.Lock()
	defer w.close.Unlock()
	if !w.closed {
		syscall.Shutdown(w.fd, syscall.SHUT_RDWR)
	}
}
