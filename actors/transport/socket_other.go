//go:build !unix

package transport

import (
	"net"
	"syscall"
)

// Elsewhere a socket is read and written by goroutines that it may block, and
// whether something has arrived cannot be told.

func socketOf(net.Conn) syscall.RawConn { return nil }

func readNow(syscall.RawConn, []byte) (int, error) { return 0, ErrAgain }

func writeNow(syscall.RawConn, []byte) (int, error) { return 0, ErrAgain }

func arrived(net.Conn) bool { return false }

func shutdown(syscall.RawConn) {}

// SetNonblocking does nothing: Go's sockets cannot be made to block here.
func SetNonblocking(net.Conn) {}
