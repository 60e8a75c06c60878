//go:build !unix

package sockets

import "syscall"

// descriptorLimit is how many descriptors this process may have: nobody knows.
func descriptorLimit() int { return 1 << 20 }

// smallWindow is a net.Dialer's Control for a connection that takes little, where
// we know how.
func smallWindow(string, string, syscall.RawConn) error { return nil }
