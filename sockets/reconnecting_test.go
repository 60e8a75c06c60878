package sockets

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func (w *world) dialReconnecting(addr string, r *Reconnect) *Reconnecting {
	c, err := DialReconnecting(w.url(addr), &DialOptions{System: w.system, Options: &Options{Portable: w.portable, CloseTimeout: 5 * soon}, Dialer: Dialer{TLS: clientTLS()}}, r) // a Close waits for what was received
	require.NoError(w, err)
	w.Cleanup(func() { c.Close(frame.Normal, "") })
	return c
}

// Receive and Send survive the restart of a server; its final word ends them.
func TestReconnecting(t *testing.T) {
	everywhere(t, func(w *world) {
		server := w.spawned(echo)
		addr, stop := w.serveAt("127.0.0.1:0", w.upgrading(&UpgradeServer{Spawn: server.props}))
		losses := make(chan *Disconnected, 1000)
		c := w.dialReconnecting(addr, &Reconnect{
			Backoff: fast,
			First:   func(u *Upgraded) []any { return []any{frame.Text(fmt.Sprint("subscribe ", u.Returns))} },
			Lost:    func(d *Disconnected) { losses <- d },
		})
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		hears := func(want string) {
			w.Helper()
			f, err := c.Receive(ctx)
			require.NoError(w, err)
			require.Equal(w, want, f.String())
		}
		hears("subscribe 0")
		require.NoError(w, c.Send(ctx, frame.Text("hello")))
		hears("hello")

		require.NoError(w, c.Send(ctx, frame.Text("not received yet")))
		conn, err := c.Conn(ctx)
		require.NoError(w, err)
		require.True(w, until(func() bool { conn.mu.Lock(); defer conn.mu.Unlock(); return len(conn.queue) > 0 }))
		stop()
		assert.NotNil(w, (<-losses).Closed)
		hears("not received yet")
		soonOver, cancelSoon := context.WithTimeout(ctx, soon)
		defer cancelSoon()
		_, err = c.Receive(soonOver)
		assert.ErrorIs(w, err, context.DeadlineExceeded)
		assert.ErrorIs(w, c.Send(soonOver, frame.Text("x")), context.DeadlineExceeded)

		_, stop = w.serveAt(addr, w.upgrading(&UpgradeServer{Spawn: server.props}))
		defer stop()
		require.NoError(w, c.Send(ctx, frame.Text("again")))
		hears("subscribe 1")
		hears("again")
		conn, err = c.Conn(ctx)
		require.NoError(w, err)
		c.Close(frame.Normal, "bye")
		assert.True(w, conn.Closed().Clean)
		assert.Equal(w, "bye", conn.Closed().Reason)
		_, err = c.Receive(ctx)
		var d *Disconnected
		require.ErrorAs(w, err, &d)
		assert.True(w, d.Final)
		assert.ErrorAs(w, c.Send(ctx, frame.Text("x")), &d)
	})
}

// It can be closed at any moment, and leaves nothing.
func TestReconnectingEndsAtAnyMoment(t *testing.T) {
	everywhere(t, func(w *world) {
		for name, serve := range map[string]func(net.Conn){
			"while it dials": func(nc net.Conn) { io.Copy(io.Discard, nc) },
			"while it waits": func(nc net.Conn) { nc.Close() },
		} {
			w.in(name, func(w *world) {
				lost := make(chan struct{}, 9)
				c := w.dialReconnecting(w.accepting(serve), &Reconnect{Backoff: Backoff{Floor: time.Hour}, Lost: func(*Disconnected) { lost <- struct{}{} }})
				waiting := make(chan error, 1)
				go func() {
					_, err := c.Receive(context.Background())
					waiting <- err
				}()
				if name == "while it waits" {
					<-lost
				}
				c.Close(frame.Normal, "")
				<-c.Done()
				var d *Disconnected
				assert.ErrorAs(w, <-waiting, &d)
			})
		}
	})
}

// A final answer is an error of all that wait.
func TestReconnectingFinal(t *testing.T) {
	w := newWorld(t, bare)
	addr, stop := w.serveAt("127.0.0.1:0", w.closing(frame.PolicyViolation))
	defer stop()
	c := w.dialReconnecting(addr, nil)
	_, err := c.Receive(context.Background())
	var d *Disconnected
	require.ErrorAs(t, err, &d)
	assert.Equal(t, frame.PolicyViolation, d.Closed.Code)
	assert.ErrorContains(t, err, `1008 "bye"`)
	var nobody context.Context
	_, err = c.Receive(nobody)
	assert.ErrorIs(t, err, ErrNilContext)
	_, err = DialReconnecting("http:", nil, nil)
	assert.ErrorContains(t, err, "sockets: dial http:")
}

// A client that the program closes while it has no connection ends in order: that its attempt was given up is no failure.
func TestReconnectingClosedWithoutAConnection(t *testing.T) {
	for name, end := range map[string]func(c *Reconnecting){
		"Close": func(c *Reconnecting) { c.Close(frame.Normal, "") },
		"Cut":   (*Reconnecting).Cut,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			lost := make(chan *Disconnected, 2)
			c := w.dialReconnecting("127.0.0.1:1", &Reconnect{Backoff: Backoff{Floor: 1 << 40}, Lost: func(d *Disconnected) { lost <- d }})
			require.ErrorContains(t, (<-lost).Err, "127.0.0.1:1")
			end(c)
			<-c.Done()
			d := c.Closed()
			assert.Equal(t, d, <-lost)
			assert.True(t, d.Final)
			assert.NoError(t, d.Err)
			_, err := c.Receive(context.Background())
			assert.EqualError(t, err, "sockets: closed by this side")
		})
	}
}
