//go:build !unix

package actors

import (
	"net"
	"syscall"
)

// Elsewhere a socket is read and written by goroutines that it may block, and
// whether something has arrived cannot be told.

func socketOf(net.Conn) syscall.RawConn { return nil }

func readNow(syscall.RawConn, []byte) (int, error) { return 0, errAgain }

func writeNow(syscall.RawConn, []byte) (int, error) { return 0, errAgain }

func arrived(net.Conn) bool { return false }
