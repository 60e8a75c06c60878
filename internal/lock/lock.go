//go:build !spindriftlocks

// Package lock names the locks that all connections of a program share, so that a build can count how often they are taken.
package lock

import "sync"

// Shared is a sync.Mutex. In a program that was built with the tag spindriftlocks it counts (see Taken).
type Shared = sync.Mutex
