//go:build unix

package transport

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// socketOf is the socket of nc, to be read and written without blocking. It is nil for what only contains a socket: its Read and
// Write may do more.
func socketOf(nc net.Conn) (raw syscall.RawConn) {
	switch c := nc.(type) {
	case *net.TCPConn:
		raw, _ = c.SyscallConn()
	case *net.UnixConn:
		raw, _ = c.SyscallConn()
	case *PollableConn:
		return socketOf(c.TCPConn)
	}
	return raw
}

// readNow reads what is there, and never waits, whatever the program has set the socket to. A short read comes with ErrAgain.
func readNow(raw syscall.RawConn, p []byte) (n int, err error) {
	failed := raw.Read(func(fd uintptr) bool {
		n, _, err = unix.Recvfrom(int(fd), p, unix.MSG_DONTWAIT)
		return true
	})
	switch n = max(n, 0); {
	case failed != nil:
		return 0, failed
	case err == unix.EINTR, err == unix.EAGAIN, err == nil && 0 < n && n < len(p):
		return n, ErrAgain
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// writeNow writes what the socket takes, without waiting. Less than all comes with ErrAgain.
func writeNow(raw syscall.RawConn, p []byte) (n int, err error) {
	failed := raw.Write(func(fd uintptr) bool {
		n, err = unix.SendmsgN(int(fd), p, nil, nil, unix.MSG_DONTWAIT)
		return true
	})
	switch n = max(n, 0); {
	case failed != nil: // a deadline perhaps: the writer will know
		return 0, ErrAgain
	case err == unix.EINTR, err == unix.EAGAIN, err == nil && n < len(p):
		return n, ErrAgain
	case err != nil:
		return 0, os.NewSyscallError("write", err)
	}
	return n, nil
}

// arrived reports whether there is something to read in the socket of nc, if it has one, its end too. Somebody else may be reading
// meanwhile, and may hold what came before that.
func arrived(nc net.Conn) (yes bool) {
	if c, ok := nc.(*tls.Conn); ok {
		nc = c.NetConn()
	}
	c, ok := nc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	raw.Control(func(fd uintptr) {
		_, _, err := unix.Recvfrom(int(fd), make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
		yes = err != unix.EAGAIN
	})
	return yes
}

// SetNonblocking makes the socket of nc one that does not block, as all of Go's are until the program calls Fd on a File of theirs:
// a read or a write would then ignore deadlines, and could not be ended by closing the connection. It does nothing for other kinds
// of net.Conn.
func SetNonblocking(nc net.Conn) {
	if c, ok := nc.(*tls.Conn); ok {
		nc = c.NetConn()
	}
	if raw := socketOf(nc); raw != nil {
		raw.Control(func(fd uintptr) { unix.SetNonblock(int(fd), true) })
	}
}

// shutdown ends what reads and writes the socket, whether or not that blocks.
func shutdown(raw syscall.RawConn) {
	raw.Control(func(fd uintptr) { unix.Shutdown(int(fd), unix.SHUT_RDWR) })
}
