package sockettest

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// capacity is what one direction holds that nobody has read, as a socket's buffers do.
const capacity = 64 << 10

// pipe is one direction of a connection in memory. What one Write has written, one Read does not
// read beyond: so a test decides where the network splits.
type pipe struct {
	mu      *sync.Mutex // of both directions: a reset is that of both at once
	changed sync.Cond
	writes  [][]byte // and not read yet
	size    int      // of all of them
	paused  bool     // nobody reads, though something is there
	ended   bool     // nothing more will be written
	unread  bool     // the reader has closed: nothing more will be read
	reset   bool     // there was no orderly end

	reader, writer deadline
}

// deadline is that of one end of a pipe, under the pipe's lock.
type deadline struct {
	passed bool
	timer  *time.Timer
	set    int // how often
}

func newPipe(mu *sync.Mutex) *pipe {
	p := &pipe{mu: mu}
	p.changed.L = mu
	return p
}

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.unread:
			return 0, net.ErrClosed
		case p.reset:
			return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
		case p.reader.passed:
			return 0, os.ErrDeadlineExceeded
		case len(b) == 0:
			return 0, nil
		case p.paused:
		case len(p.writes) > 0:
			n := copy(b, p.writes[0])
			if p.writes[0] = p.writes[0][n:]; len(p.writes[0]) == 0 {
				p.writes = p.writes[1:]
			}
			p.size -= n
			p.changed.Broadcast()
			return n, nil
		case p.ended:
			return 0, io.EOF
		}
		p.changed.Wait()
	}
}

func (p *pipe) write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.ended:
			return n, net.ErrClosed
		case p.reset:
			return n, &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.ECONNRESET)}
		case p.unread:
			return n, &net.OpError{Op: "write", Net: "tcp", Err: os.NewSyscallError("write", syscall.EPIPE)}
		case p.writer.passed:
			return n, os.ErrDeadlineExceeded
		case len(b) == 0:
			return n, nil
		case p.size < capacity:
			k := min(len(b), capacity-p.size)
			p.writes = append(p.writes, append([]byte(nil), b[:k]...))
			p.size += k
			n, b = n+k, b[k:]
			p.changed.Broadcast()
		default:
			p.changed.Wait()
		}
	}
}

// change changes p, and wakes whoever waits for that.
func (p *pipe) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
	p.changed.Broadcast()
}

// cut resets p. The lock must be held.
func (p *pipe) cut() {
	p.reset, p.writes, p.size = true, nil, 0
	p.changed.Broadcast()
}

// expire sets the deadline d, which is one of p's.
func (p *pipe) expire(d *deadline, at time.Time) {
	p.change(func() {
		if d.timer != nil {
			d.timer.Stop()
			d.timer = nil
		}
		d.set++
		wait := time.Until(at)
		if d.passed = !at.IsZero() && wait <= 0; d.passed || at.IsZero() {
			return
		}
		set := d.set
		d.timer = time.AfterFunc(wait, func() {
			p.change(func() { d.passed = d.passed || d.set == set })
		})
	})
}

// conn is one end of a connection in memory. It has all that a *net.TCPConn has which programs ask
// for: half-close and deadlines.
type conn struct {
	in, out       *pipe
	local, remote net.Addr
}

// newConns returns both ends of a connection.
func newConns() (client, server *conn) {
	mu := new(sync.Mutex)
	up, down := newPipe(mu), newPipe(mu)
	client = &conn{in: down, out: up, local: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1234}, remote: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 80}}
	server = &conn{in: up, out: down, local: client.remote, remote: client.local}
	return client, server
}

func (c *conn) Read(b []byte) (int, error)  { return c.in.read(b) }
func (c *conn) Write(b []byte) (int, error) { return c.out.write(b) }
func (c *conn) LocalAddr() net.Addr         { return c.local }
func (c *conn) RemoteAddr() net.Addr        { return c.remote }

// Close ends both directions. The other end can still read what was written before.
func (c *conn) Close() error {
	c.out.change(func() { c.out.ended = true })
	c.in.change(func() { c.in.unread, c.in.writes, c.in.size = true, nil, 0 })
	return nil
}

// CloseWrite ends the direction away from here.
func (c *conn) CloseWrite() error {
	c.out.change(func() { c.out.ended = true })
	return nil
}

// abort resets the connection: what was written and not read is lost.
func (c *conn) abort() {
	c.out.mu.Lock()
	defer c.out.mu.Unlock()
	c.out.cut()
	c.in.cut()
}

// pause has nothing read here until it is called with false.
func (c *conn) pause(yes bool) { c.in.change(func() { c.in.paused = yes }) }

func (c *conn) SetDeadline(at time.Time) error {
	c.SetReadDeadline(at)
	return c.SetWriteDeadline(at)
}

func (c *conn) SetReadDeadline(at time.Time) error {
	c.in.expire(&c.in.reader, at)
	return nil
}

func (c *conn) SetWriteDeadline(at time.Time) error {
	c.out.expire(&c.out.writer, at)
	return nil
}
