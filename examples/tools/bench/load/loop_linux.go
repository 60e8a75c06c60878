package load

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// loop is one epoll descriptor and the connections on it.
type loop struct {
	epfd   int
	conns  []*conn
	buf    []byte
	events [512]unix.EpollEvent
	start  time.Time
	worked time.Duration // spent in turns that brought events
}

const readSize = 256 << 10

func newLoop() (*loop, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("load: epoll: %w", err)
	}
	return &loop{epfd: epfd, buf: make([]byte, readSize), start: time.Now()}, nil
}

func (l *loop) close() {
	for _, c := range l.conns {
		c.close()
	}
	unix.Close(l.epfd)
}

func (l *loop) now() time.Duration { return time.Since(l.start) }

// traffic is what each connection of a run sends and expects.
type traffic struct {
	frame    []byte
	inFlight int
	scanner  func() Scanner
	streams  int // WebSockets of each connection, over HTTP/2; 0: HTTP/1.1
}

func (l *loop) add(p *peer, t traffic, burst []byte) error {
	c := &conn{peer: p, index: len(l.conns), mux: p.streams, burst: burst, unit: len(t.frame)}
	if c.mux != nil {
		c.scan = c.mux
	} else {
		c.scan, c.stamps = t.scanner(), newRing(t.inFlight)
	}
	l.conns = append(l.conns, c)
	return control(l.epfd, unix.EPOLL_CTL_ADD, c)
}

// open dials connections, one after the other, until there are n WebSockets: a loopback server answers each in microseconds.
func (l *loop) open(ctx context.Context, n int, t traffic, dial func() (*peer, error)) error {
	burst := make([]byte, 0, len(t.frame)*t.inFlight)
	for range t.inFlight {
		burst = append(burst, t.frame...)
	}
	for range n / max(1, t.streams) {
		if err := ctx.Err(); err != nil {
			return err
		}
		p, err := dial()
		if err != nil {
			return fmt.Errorf("%w (connection %d)", err, len(l.conns)+1)
		}
		if err := l.add(p, t, burst); err != nil {
			return err
		}
	}
	return nil
}

// reaction is told that n answers have arrived on c, and sends what is due.
type reaction func(c *conn, n int, now time.Duration) error

// turn waits for events at most that long, and returns how many answers they brought.
func (l *loop) turn(wait time.Duration, react reaction) (int, error) {
	began := l.now()
	n, err := unix.EpollWait(l.epfd, l.events[:], int(wait.Milliseconds()))
	if n == 0 || err == unix.EINTR {
		return 0, nil
	}
	if wait > 0 {
		began = l.now() // it may have slept
	}
	defer func() { l.worked += l.now() - began }()
	if err != nil {
		return 0, fmt.Errorf("load: epoll: %w", err)
	}
	answers := 0
	for _, event := range l.events[:n] {
		c := l.conns[event.Fd]
		if event.Events&unix.EPOLLOUT != 0 {
			if err := c.flush(l.epfd); err != nil {
				return answers, fmt.Errorf("load: write: %w", err)
			}
		}
		if event.Events&^unix.EPOLLOUT == 0 {
			continue
		}
		done, err := l.receive(c)
		if err != nil {
			return answers, err
		}
		if done == 0 {
			if c.mux != nil && len(c.mux.out) > 0 { // windows and the like
				if err := c.flush(l.epfd); err != nil {
					return answers, fmt.Errorf("load: write: %w", err)
				}
			}
			continue
		}
		answers += done
		if err := react(c, done, l.now()); err != nil {
			return answers, err
		}
	}
	return answers, nil
}

// receive reads once. TLS is read dry: what it has decrypted already makes no descriptor readable.
func (l *loop) receive(c *conn) (answers int, err error) {
	for {
		n, err := c.read(l.buf)
		if err == errAgain {
			return answers, nil
		}
		if err != nil {
			return answers, fmt.Errorf("load: read: %w", err)
		}
		done, err := c.scan.Scan(l.buf[:n])
		answers += done
		if err != nil || c.tls == nil {
			return answers, err
		}
	}
}
