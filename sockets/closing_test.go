package sockets

import (
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stubborn is a session whose peer does not answer its Close, and has all the time for that. The peer answers
// when over is called.
func (w *world) stubborn() (c *Conn, p *peer, over func()) {
	served, hold := make(chan *Conn), make(chan struct{})
	p = w.upgrade(w.session(&Options{CloseTimeout: time.Hour}, func(ctx context.Context, c *Conn) error {
		served <- c
		<-hold
		return nil
	}))
	return <-served, p, func() {
		close(hold)
		p.closes(frame.Normal)
		p.send(masked(frame.Close(frame.Normal, "")))
		p.eof()
		p.Close()
	}
}

// While a connection closes, a context bounds every wait as it does before.
func TestContextsWhileClosing(t *testing.T) {
	w := newWorld(t, bare)
	for use, do := range uses {
		c, _, over := w.stubborn()
		go c.Close(frame.Normal, "")
		require.True(w, until(func() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.intake == abandoned }))
		ctx, cancel := context.WithTimeout(context.Background(), 2*soon)
		returned := make(chan error, 1)
		go func() { returned <- do(ctx, c) }()
		select {
		case err := <-returned:
			if receives(use) {
				assert.Regexp(w, late, err.Error(), use)
			}
		case <-time.After(testTimeout):
			assert.Fail(w, "it waits for the peer", use)
		}
		cancel()
		over()
	}
}

// Close of a NetConn waits for the peer, and nobody else does.
func TestNetConnClosesAtOnce(t *testing.T) {
	sampled(t, func(w *world) {
		c, p, over := w.stubborn()
		n := c.NetConn(frame.OpBinary)
		c.Options() // which is told when the connection knows
		begun := make(chan struct{})
		returned := make(chan error, 2)
		p.send(masked(frame.Fragment(frame.OpBinary, false, []byte("half"))))
		go func() {
			_, err := io.ReadFull(n, make([]byte, 4))
			assert.NoError(w, err)
			close(begun)
			_, err = n.Read(make([]byte, 1))
			returned <- err
		}()
		<-begun
		go n.Close()
		select {
		case err := <-returned:
			assert.ErrorIs(w, err, net.ErrClosed)
		case <-time.After(testTimeout):
			assert.Fail(w, "Read waits for the peer")
		}
		over()
	})
}
