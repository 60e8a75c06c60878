//go:build unix

package actors

import (
	"crypto/tls"
	"net"
	"syscall"
)

// arrived reports whether there is something to read in the socket of nc, if it
// has one. Somebody else may be reading meanwhile.
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
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		yes = err == nil && n > 0
	})
	return yes
}
