package actors

import "github.com/spindrift-go/spindrift/internal/pool"

// What the tests of package actors_test are given, which stand on top of sockets.

// Outstanding is what was taken from pools and not given back.
func (rt *Runtime) Outstanding() (c census) {
	n := pool.Outstanding()
	c.readBuffers, c.writeBuffers, c.turnStates, c.segments = n["read buffers"], n["write buffers"], n["turn states"], n["segments"]
	return c
}

func (c census) More(than census) bool { return c.more(than) }

// flush is a Flush, and flushed the answer to it.
type (
	flush   struct{}
	flushed struct{ Err error }
)

func (*flush) Flushed(err error) any { return &flushed{err} }
