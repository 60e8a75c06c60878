//go:build spindriftlocks

package lock

import (
	"sync"
	"sync/atomic"
)

// Shared is a sync.Mutex that counts.
type Shared struct{ mu sync.Mutex }

var taken atomic.Int64

// Taken is how often a Shared has been locked.
func Taken() int64 { return taken.Load() }

// Lock locks it.
func (l *Shared) Lock() {
	l.mu.Lock()
	taken.Add(1)
}

// Unlock unlocks it.
func (l *Shared) Unlock() { l.mu.Unlock() }
