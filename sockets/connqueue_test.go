package sockets

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
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

// A message that a program has received is not ahead of it, however long: the socket is read on while it is worked
// on, for Pongs and Pings. The peer's Close is answered behind that work all the same.
func TestLargeMessageAtWork(t *testing.T) {
	receive := func(c *Conn) error { _, err := c.Receive(context.Background()); return err }
	read := func(c *Conn) error {
		_, r, _ := c.Reader(context.Background())
		_, err := io.Copy(io.Discard, r)
		return err
	}
	for name, test := range map[string]struct {
		receive func(c *Conn) error
		pings   bool
	}{
		"received":           {receive, false},
		"received, and Ping": {receive, true},
		"read":               {read, false},
		"read, and Ping":     {read, true},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				took, goOn := make(chan struct{}), make(chan struct{})
				p := w.upgrade(w.session(&Options{Stream: strings.HasPrefix(name, "read")}, func(ctx context.Context, c *Conn) error {
					assert.NoError(w, test.receive(c))
					close(took)
					if test.pings {
						_, err := c.Ping(w.within())
						assert.NoError(w, err)
					}
					<-goOn
					return c.SendText(ctx, "answer")
				}))
				p.send(masked(frame.Text(strings.Repeat("x", 300_000))))
				<-took
				if test.pings {
					ping := p.frame()
					require.Equal(w, frame.OpPing, ping.Opcode)
					p.send(masked(frame.Pong(ping.Payload)))
				}
				p.send(masked(frame.Ping([]byte("a"))), masked(frame.Close(frame.GoingAway, "")))
				p.bytes(plain(frame.Pong([]byte("a"))))
				close(goOn)
				p.bytes(plain(frame.Text("answer")))
				p.closes(frame.GoingAway)
				p.Close()
			})
		})
	}
}
