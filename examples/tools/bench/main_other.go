//go:build !linux

// Command bench measures WebSocket servers side by side, on Linux only.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "bench: needs Linux: epoll, processor affinity and /proc")
	os.Exit(1)
}
