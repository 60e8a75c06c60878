package load

import (
	"context"
	"fmt"
	"net/netip"
	"time"

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
	k := knocker{loop: l, to: to, request: upgradeRequest(u.Addr, u.Path, u.Deflate)}
	for range u.Concurrent {
		l.conns = append(l.conns, nil)
		if err := k.knock(len(l.conns) - 1); err != nil {
			return nil, err
		}
	}
	count := &tally{report: &Report{}}
	answered := func(c *conn, n int, now time.Duration) error {
		sent, _ := c.stamps.pop()
		count.record(now-sent, 1)
		c.close()
		return k.knock(c.index)
	}
	return count.report, watch(ctx, u.Window, count, l, answered)
}

type knocker struct {
	loop    *loop
	to      netip.AddrPort
	request []byte
}

// knock puts a new connection in place of the one at index, with its request on the way.
func (k *knocker) knock(index int) error {
	now := k.loop.now()
	fd, err := connect(k.to)
	if err != nil {
		return err
	}
	c := &conn{peer: &peer{fd: fd}, index: index, scan: &headScanner{}, burst: k.request, unit: len(k.request)}
	c.stamps.times = make([]time.Duration, 1)
	k.loop.conns[index] = c
	if err := unix.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	if err := control(k.loop.epfd, unix.EPOLL_CTL_ADD, c); err != nil {
		return fmt.Errorf("load: epoll: %w", err)
	}
	return c.send(k.loop.epfd, 1, now)
}
