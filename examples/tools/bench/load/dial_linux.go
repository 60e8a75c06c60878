package load

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Target says what to connect to.
type Target struct {
	Addr    string // host:port of a loopback address
	Path    string // "/" when empty
	TLS     bool   // the certificate is not checked
	Deflate bool   // offer permessage-deflate, and fail when it is not agreed
	Streams int    // WebSockets of each connection, over HTTP/2 in clear and without compression; 0: HTTP/1.1

	narrow bool // little fits between the server and a client that does not read
}

// peer is one connection: a descriptor, or TLS over one.
type peer struct {
	fd      int
	tls     *tls.Conn
	streams *streams // nil: it is HTTP/1.1
}

// stepSeconds bounds, in seconds, each blocking step of connecting.
const stepSeconds = 20

// connect blocks until the TCP connection stands.
func connect(to netip.AddrPort, narrow bool) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("load: socket: %w", err)
	}
	limit := unix.Timeval{Sec: stepSeconds}
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		// A reset on close leaves nothing in TIME_WAIT, so ports do not run out.
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
	)
	if narrow { // loopback's long segments would make the server's buffer one of megabytes
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, 536), unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1))
	}
	if err == nil {
		err = retry(func() error {
			return unix.Connect(fd, &unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
		})
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("load: connect %v: %w", to, err)
	}
	return fd, nil
}

// dial connects, shakes hands for TLS when the target wants it, and leaves the connection non-blocking.
func dial(target Target) (*peer, error) {
	to, err := netip.ParseAddrPort(target.Addr)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if !to.Addr().IsLoopback() || !to.Addr().Is4() {
		return nil, fmt.Errorf("load: %v is not 127.0.0.0/8", to)
	}
	fd, err := connect(to, target.narrow)
	if err != nil {
		return nil, err
	}
	p := &peer{fd: fd}
	if target.TLS {
		p.tls = tls.Client(&wire{fd: fd}, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
		if err := p.tls.Handshake(); err != nil {
			p.close()
			return nil, fmt.Errorf("load: TLS: %w", err)
		}
	}
	return p, nil
}

// dialUpgraded is dial, followed by an opening handshake. Bytes after the server's head are an error: it speaks first here.
func dialUpgraded(target Target) (*peer, error) {
	p, err := dial(target)
	if err != nil {
		return nil, err
	}
	if err := p.upgrade(target); err != nil {
		p.close()
		return nil, err
	}
	return p, p.setNonblock(true)
}

// dialStreams is dial, followed by as many extended CONNECTs as the target has streams.
func dialStreams(target Target, t traffic) (*peer, error) {
	p, err := dial(target)
	if err != nil {
		return nil, err
	}
	p.streams = new(streams)
	p.streams.begin(target.Streams, target.Addr, cmp.Or(target.Path, "/"), t)
	if err := p.streams.open(readWriter{p}); err != nil {
		p.close()
		return nil, err
	}
	return p, p.setNonblock(true)
}

// readWriter is a peer that blocks.
type readWriter struct{ p *peer }

func (b readWriter) Read(buf []byte) (int, error)  { return b.p.read(buf) }
func (b readWriter) Write(buf []byte) (int, error) { return b.p.write(buf) }

// dialPlain is dial for a connection that stays HTTP.
func dialPlain(target Target) (*peer, error) {
	p, err := dial(target)
	if err != nil {
		return nil, err
	}
	return p, p.setNonblock(true)
}

func (p *peer) setNonblock(on bool) error {
	if p.tls != nil {
		p.tls.NetConn().(*wire).polled = on
	}
	return unix.SetNonblock(p.fd, on)
}

func (p *peer) upgrade(target Target) error {
	path := target.Path
	if path == "" {
		path = "/"
	}
	if _, err := p.write(upgradeRequest(target.Addr, path, target.Deflate)); err != nil {
		return fmt.Errorf("load: upgrade: %w", err)
	}
	var head []byte
	buf := make([]byte, 4096)
	for {
		n, err := p.read(buf)
		if err != nil {
			return fmt.Errorf("load: upgrade: %w", err)
		}
		head = append(head, buf[:n]...)
		if end := headLength(head); end == len(head) {
			return checkUpgrade(head, target.Deflate)
		} else if end > 0 {
			return fmt.Errorf("load: %d bytes after the upgrade", len(head)-end)
		}
	}
}

// read returns errAgain when there is nothing to read now, and io.EOF at the end.
func (p *peer) read(b []byte) (int, error) {
	if p.tls != nil {
		return p.tls.Read(b)
	}
	return readFD(p.fd, b)
}

// write may take less than all of b, with errAgain.
func (p *peer) write(b []byte) (int, error) {
	if p.tls != nil {
		return p.tls.Write(b)
	}
	return writeFD(p.fd, b)
}

func (p *peer) close() { unix.Close(p.fd) }

func readFD(fd int, b []byte) (n int, err error) {
	err = retry(func() error { n, err = unix.Read(fd, b); return err })
	switch {
	case err == unix.EAGAIN:
		return 0, errAgain
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

func writeFD(fd int, b []byte) (n int, err error) {
	err = retry(func() error { n, err = unix.Write(fd, b); return err })
	if err == unix.EAGAIN {
		return 0, errAgain
	}
	return max(n, 0), err
}

func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
