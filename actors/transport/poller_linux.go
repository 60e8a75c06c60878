package transport

import (
	"os"
	"runtime"
	"syscall"

	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/internal/lock"
	"golang.org/x/sys/unix"
)

// maxEvents is how many events are taken before the dispatcher gets to work them off. Asking for more at once costs 20 to 30 % with
// thousands of busy connections.
const maxEvents = 128

// epoll tells mailboxes that their sockets are ready. It is one epoll descriptor, which is itself pollable: its goroutine parks in
// Go's own network poller, so no thread is lost in epoll_wait.
type epoll struct {
	poller *Poller // whose it is
	group  int     // of the dispatcher's: whose cores it wakes
	epfd   int
	file   *os.File

	mu    lock.Shared
	slots []slot
	free  []int32
}

// slot is where events of one socket go. Descriptors and slots are reused, so an event carries the generation it was meant for.
type slot struct {
	socket     *polled
	mailbox    *dispatch.Mailbox
	generation int32
}

func newEpoll(poller *Poller, group int) (*epoll, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := unix.SetNonblock(epfd, true); err != nil {
		unix.Close(epfd)
		return nil, os.NewSyscallError("fcntl", err)
	}
	p := &epoll{poller: poller, group: group, epfd: epfd, file: os.NewFile(uintptr(epfd), "epoll")}
	raw, err := p.file.SyscallConn()
	if err != nil {
		p.file.Close()
		return nil, err
	}
	go p.run(raw)
	return p, nil
}

// run waits until stop closes the file. The callback returns false to park. An event that comes before it has parked is not missed,
// for Go's poller keeps it.
func (p *epoll) run(raw syscall.RawConn) {
	events := make([]unix.EpollEvent, maxEvents)
	ready := make([]*dispatch.Mailbox, 0, maxEvents)
	raw.Read(func(fd uintptr) (done bool) {
		for {
			n, err := unix.EpollWait(int(fd), events, 0)
			if err == unix.EINTR {
				continue
			}
			ready = p.signal(events[:max(n, 0)], ready[:0])
			p.poller.dispatcher.EnqueueIn(p.group, ready)
			clear(ready)
			if n < maxEvents {
				return false
			}
			runtime.Gosched()
		}
	})
}

// signal signals the mailboxes of events. It appends those that are now in need of a turn to ready.
func (p *epoll) signal(events []unix.EpollEvent, ready []*dispatch.Mailbox) []*dispatch.Mailbox {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range events {
		e := &events[i]
		s := p.slots[e.Fd]
		if s.mailbox == nil || s.generation != e.Pad {
			continue
		}
		if e.Events&unix.EPOLLPRI != 0 {
			s.socket.urgent.Store(true) // before the turn in which it is read
		}
		if s.mailbox.Mark(signals(e.Events)) {
			ready = append(ready, s.mailbox)
		}
	}
	return ready
}

func signals(events uint32) (bits uint32) {
	if events&(unix.EPOLLIN|unix.EPOLLPRI|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		bits |= Readable
	}
	if events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		bits |= Writable
	}
	if events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		bits |= Readable | Ended
	}
	if events&unix.EPOLLERR != 0 {
		bits |= Broken
	}
	return bits
}

// always is what every socket is watched for: all but space for what is written. A socket has that at first, which would be an event,
// and a turn of its mailbox, for nothing (make bench ROWS=upgrades).
const always = unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLRDHUP | unix.EPOLLET

// add registers a socket, edge-triggered.
func (p *epoll) add(w *polled, m *dispatch.Mailbox) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		w.slot, p.free = p.free[n-1], p.free[:n-1]
	} else {
		w.slot = int32(len(p.slots))
		p.slots = append(p.slots, slot{})
	}
	s := &p.slots[w.slot]
	s.socket, s.mailbox = w, m
	s.generation++
	err := unix.EpollCtl(p.epfd, unix.EPOLL_CTL_ADD, w.fd, &unix.EpollEvent{Events: always, Fd: w.slot, Pad: s.generation})
	if err != nil {
		p.freeSlot(w.slot)
	}
	return err
}

// watchSpace has a socket that was full watched for space as well, from now on. If it has some by then there is an event at once.
func (p *epoll) watchSpace(w *polled) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return unix.EpollCtl(p.epfd, unix.EPOLL_CTL_MOD, w.fd, &unix.EpollEvent{Events: always | unix.EPOLLOUT, Fd: w.slot, Pad: p.slots[w.slot].generation})
}

// remove forgets a socket that is about to be closed.
func (p *epoll) remove(w *polled) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.freeSlot(w.slot)
}

func (p *epoll) freeSlot(n int32) {
	s := &p.slots[n]
	s.socket, s.mailbox = nil, nil
	p.free = append(p.free, n)
}

func (p *epoll) stop() { p.file.Close() }
