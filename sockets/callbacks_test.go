package sockets

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Callbacks come in order, one at a time, and close is the last, behind an error if there
// was one; on a server and on a client.
func TestCallbacks(t *testing.T) {
	for name, last := range map[string]func(c *Conn){
		"open;message hello;close 1000;":       func(c *Conn) { c.Close(frame.Normal, "") },
		"open;message hello;error;close 4000;": func(c *Conn) { c.Close(4000, "") },
		"open;message hello;error;close 1011;": nil, // a callback panics
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			told := func() (*Callbacks, func() string) {
				var mu sync.Mutex
				heard, done := "", make(chan struct{})
				say := func(what string) {
					mu.Lock()
					defer mu.Unlock()
					heard += what + ";"
				}
				return &Callbacks{
						OnOpen: func(c *Conn) { say("open") },
						OnMessage: func(c *Conn, m *frame.Frame) {
							say("message " + m.String())
							c.Send(context.Background(), m)
							if last == nil {
								panic("a callback")
							}
						},
						OnError: func(*Conn, error) { say("error") },
						OnClose: func(_ *Conn, end Closed) { say(fmt.Sprint("close ", end.Code)); close(done) },
					}, func() string {
						<-done
						mu.Lock()
						defer mu.Unlock()
						return heard
					}
			}
			server, heard := told()
			c := w.open(w.dropIn(server), nil)
			require.NoError(w, c.SendText(w.within(), "hello"))
			text, err := c.ReceiveText(w.within())
			require.NoError(w, err)
			assert.Equal(w, "hello", text)
			if last == nil {
				c.Receive(w.within())
			} else {
				last(c)
			}
			assert.Equal(w, name, heard())

			client, heard := told()
			addr := w.session(nil, func(ctx context.Context, c *Conn) error {
				c.SendText(ctx, "hello")
				c.Receive(ctx)
				if last == nil {
					c.Receive(ctx)
				} else {
					last(c)
				}
				return nil
			})
			_, err = client.Dial(w.within(), "ws://"+addr, &DialOptions{System: w.system})
			require.NoError(w, err)
			assert.Equal(w, name, heard())
		})
	}
}

// A net.Conn over messages: bytes in order whatever the messages, deadlines that interrupt
// and can be lifted, io.EOF at the end.
func TestNetConn(t *testing.T) {
	everywhere(t, func(w *world) {
		addr := w.session(nil, func(ctx context.Context, c *Conn) error {
			nc := c.NetConn(frame.OpBinary)
			_, err := io.Copy(nc, nc)
			return err
		})
		nc := w.open(addr, nil).NetConn(frame.OpBinary)
		go func() {
			for i := range 100 {
				fmt.Fprintf(nc, "line %d\n", i)
			}
		}()
		for i := range 100 {
			var n int
			_, err := fmt.Fscanf(nc, "line %d\n", &n)
			require.NoError(w, err)
			require.Equal(w, i, n)
		}
		nc.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		_, err := nc.Read(make([]byte, 1))
		require.ErrorIs(w, err, os.ErrDeadlineExceeded)
		var timeout net.Error
		require.ErrorAs(w, err, &timeout)
		assert.True(w, timeout.Timeout())
		interrupted := make(chan error)
		nc.SetReadDeadline(time.Time{})
		go func() {
			_, err := nc.Read(make([]byte, 1))
			interrupted <- err
		}()
		time.Sleep(10 * time.Millisecond)
		nc.SetReadDeadline(time.Now())
		require.ErrorIs(w, <-interrupted, os.ErrDeadlineExceeded)
		nc.SetDeadline(time.Time{})
		_, err = io.WriteString(nc, "x")
		require.NoError(w, err)
		_, err = io.ReadFull(nc, make([]byte, 1))
		require.NoError(w, err)
		require.NoError(w, nc.Close())
		_, err = nc.Read(make([]byte, 1))
		assert.ErrorIs(w, err, net.ErrClosed)
		_, err = nc.Write([]byte("x"))
		assert.ErrorIs(w, err, net.ErrClosed)
	})
}
