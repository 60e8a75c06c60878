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
