package load

import (
	"context"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Upgrades opens connections, a fixed number at a time, and resets each as soon as its handshake is answered.
// Every answered handshake counts as one message; its latency begins before connect.
type Upgrades struct {
	Target     // without TLS
	Concurrent int
	Window
}

// Run measures until the window has passed.
func (u Upgrades) Run(ctx context.Context) (*Report, error) {
	to, err := netip.ParseAddrPort(u.Addr)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	first, err := dialUpgraded(u.Target)
	if err != nil {
		return nil, err
	}
	first.close()
	l, err := newLoop()
	if err != nil {
		return nil, err
	}
	defer l.close()
	k := knocker{loop: l, to: unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()}}
	t := traffic{
		frame: upgradeRequest(u.Addr, u.Path, u.Deflate), inFlight: 1, scanner: func() Scanner { return &headScanner{} },
	}
	if err := l.open(ctx, u.Concurrent, t, func() (*peer, error) { return dialPlain(u.Target) }); err != nil {
		return nil, err
	}
	for _, c := range l.conns {
		if err := c.send(l.epfd, 1, l.now()); err != nil {
			return nil, fmt.Errorf("load: write: %w", err)
		}
	}
	count := &tally{report: &Report{}}
	answered := func(c *conn, n int, now time.Duration) error {
		sent, _ := c.stamps.pop()
		count.record(now-sent, 1)
		return k.knock(c)
	}
	return count.report, watch(ctx, u.Window, count, l, answered)
}

type knocker struct {
	loop *loop
	to   unix.SockaddrInet4
}

// knock puts a new connection in place of one that is upgraded, with its request on the way. The socket stays: another
// would have to be made, set up, told to epoll and closed.
func (k *knocker) knock(c *conn) error {
	if err := disconnect(c.fd); err != nil {
		return fmt.Errorf("load: disconnect: %w", err)
	}
	now := k.loop.now()
	// Over loopback the connection stands when this returns, whatever it says.
	if err := unix.Connect(c.fd, &k.to); err != nil && err != unix.EINPROGRESS {
		return fmt.Errorf("load: connect: %w", err)
	}
	return c.send(k.loop.epfd, 1, now)
}

// disconnect resets a connection. The socket stays, with its options and its place in epoll, for another connect.
func disconnect(fd int) error {
	nowhere := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, errno := unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&nowhere)), unsafe.Sizeof(nowhere))
	if errno != 0 {
		return errno
	}
	return nil
}
