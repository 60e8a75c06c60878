package sockets

import (
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/require"
)

// The queue of a Conn makes no memory for a message that is alone, and keeps no message that was taken.
func TestConnQueue(t *testing.T) {
	c := newConn()
	c.terms = usual()
	f := frame.Text("hello")
	take := func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		require.Same(t, f, c.take().frame)
		c.work = c.work[:0]
	}
	one, three := []any{f}, []any{f, f, f}
	c.top().Deliver(one)
	take()
	require.Zero(t, testing.AllocsPerRun(100, func() {
		c.top().Deliver(one)
		c.mu.Lock()
		c.take()
		c.work = c.work[:0]
		c.mu.Unlock()
	}))
	for range 3 {
		c.top().Deliver(three)
		for range 3 {
			take()
		}
		require.Zero(t, c.first)
		require.Empty(t, c.queue)
	}
}
