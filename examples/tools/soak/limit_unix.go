//go:build unix

package main

import "syscall"

// descriptorLimit is how many descriptors this process may have.
func descriptorLimit() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 1 << 30
	}
	return int(min(l.Cur, 1<<30))
}

// smallWindow is a net.Dialer's Control for a connection that takes little.
func smallWindow(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) {
		syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, nonReadingBuffers)
	})
}
