// Package harness is what the tests of several packages, and the soak test, have in common:
// a census of what a leak would add to, and waiting for what must become true.
//
// It is no part of the product: only tests and tools import it.
package harness

import (
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Census is how much there is of what a leak would add to.
type Census struct{ Goroutines, Descriptors, Actors int }

// Count counts the goroutines and descriptors of the process, and the actors of system. Workers
// says how many goroutines do not count: a dispatcher's leave by themselves when nothing is to be
// done. Where the system does not tell, as outside of Linux, there are no descriptors.
func Count(system *actor.ActorSystem, workers func() int) (c Census) {
	c.Goroutines = others(workers)
	if entries, err := os.ReadDir("/proc/self/fd"); err == nil {
		c.Descriptors = len(entries)
	}
	for _, bucket := range system.ProcessRegistry.LocalPIDs.LocalPIDs {
		c.Actors += bucket.Count()
	}
	return c
}

// others is how many goroutines there are besides the workers. One of those may come or go
// between the two numbers, which then say one too few or too many: it counts again until both
// have stayed as they were for a moment.
func others(workers func() int) int {
	type both struct{ all, workers int }
	count := func() both { return both{runtime.NumGoroutine(), workers()} }
	now := count()
	for range 100 {
		was := now
		time.Sleep(50 * time.Microsecond)
		if now = count(); now == was {
			break
		}
	}
	return now.all - now.workers
}

// More reports whether there is more of anything than there was before.
func (c Census) More(before Census) bool {
	return c.Goroutines > before.Goroutines || c.Descriptors > before.Descriptors || c.Actors > before.Actors
}

// Left says who is there: the stack of each goroutine, and the actors of system.
func Left(system *actor.ActorSystem) string {
	var b strings.Builder
	pprof.Lookup("goroutine").WriteTo(&b, 1)
	for _, bucket := range system.ProcessRegistry.LocalPIDs.LocalPIDs {
		for _, id := range bucket.Keys() {
			fmt.Fprintln(&b, "actor", id)
		}
	}
	return b.String()
}

// Until looks whether what is true, again and again for as long as limit, and reports whether it
// became so. Unlike assert.Eventually it starts no goroutine, which a census would count.
func Until(limit time.Duration, what func() bool) bool {
	late := time.Now().Add(limit)
	for pause := 100 * time.Microsecond; !what(); pause = min(2*pause, 20*time.Millisecond) {
		if time.Now().After(late) {
			return false
		}
		time.Sleep(pause)
	}
	return true
}
