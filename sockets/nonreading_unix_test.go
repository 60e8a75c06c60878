//go:build unix

package sockets

import "syscall"

// descriptorLimit is how many descriptors this process may have.
func descriptorLimit() int {
	var l syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l) != nil {
		return 1 << 10
	}
	return int(min(l.Cur, 1<<20))
}

// smallWindow is a net.Dialer's Control for a connection that takes little.
func smallWindow(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, nonReadingBuffers)
	})
}
