package answering

import (
	"encoding/binary"
	"net"
	"syscall"
)

// isReset reports whether the peer has reset nc, as against one that is there, or that
// has closed its sending half.
func isReset(nc net.Conn) (yes bool) {
	sc, ok := nc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	const tcpClose = 7 // include/net/tcp_states.h
	err = raw.Control(func(fd uintptr) {
		// The first byte of tcp_info is the state; that much is asked for.
		info, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO)
		var first [4]byte
		binary.NativeEndian.PutUint32(first[:], uint32(info))
		yes = err == nil && first[0] == tcpClose
	})
	return yes || err != nil // it is closed
}
