package sockets

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The forms of a Conn are those of a client that comes back, with the same errors.
func TestReconnectingForms(t *testing.T) {
	everywhere(t, func(w *world) {
		addr := w.session(nil, func(ctx context.Context, c *Conn) error {
			for f, err := range c.Messages(ctx) {
				if err == nil && f.String() == "restart" {
					return frame.Failure(frame.ServiceRestart, "")
				}
				if err != nil || c.Send(ctx, f) != nil {
					return err
				}
			}
			return nil
		})
		c := w.dialReconnecting(addr, &Reconnect{Backoff: fast})
		ctx := w.within()
		type point struct{ X, Y int }
		for range 3 {
			require.NoError(w, c.SendJSON(ctx, point{1, 2}))
			require.NoError(w, c.SendText(ctx, "text"))
			require.NoError(w, c.SendBinary(ctx, []byte("binary")))
			require.NoError(w, c.SendText(ctx, "other"))
			require.NoError(w, c.SendText(ctx, "{"))
			require.NoError(w, c.SendText(ctx, "1"))
			var p point
			require.NoError(w, c.ReceiveJSON(ctx, &p))
			assert.Equal(w, point{1, 2}, p)
			text, err := c.ReceiveText(ctx)
			require.NoError(w, err)
			assert.Equal(w, "text", text)
			b, err := c.ReceiveBinary(ctx)
			require.NoError(w, err)
			assert.Equal(w, "binary", string(b))
			_, err = c.ReceiveBinary(ctx)
			var other *MessageTypeError
			require.ErrorAs(w, err, &other)
			assert.Equal(w, "other", other.Message.String())
			var syntax *json.SyntaxError
			assert.ErrorAs(w, c.ReceiveJSON(ctx, new(int)), &syntax)
			assert.ErrorContains(w, c.ReceiveJSON(ctx, nil), "sockets: receive: json")
			assert.ErrorContains(w, c.SendJSON(ctx, make(chan int)), "sockets: send: json")
			took, err := c.Ping(ctx)
			require.NoError(w, err)
			assert.Positive(w, took)
			assert.Nil(w, c.Closed())
			old, err := c.Conn(ctx)
			require.NoError(w, err)
			require.NoError(w, c.SendText(ctx, "restart"))
			<-old.Done()
		}
		require.NoError(w, c.SendText(ctx, "last"))
		for f, err := range c.Messages(ctx) {
			require.NoError(w, err)
			assert.Equal(w, "last", f.String())
			go c.Close(frame.Normal, "bye")
		}
		<-c.Done()
		assert.Equal(w, "bye", c.Closed().Closed.Reason)
		_, err := c.Receive(ctx)
		assert.Equal(w, frame.Normal, CloseCode(err))
	})
}

// An end that nobody has asked for is the last pair of Messages.
func TestReconnectingMessagesTellsTheEnd(t *testing.T) {
	w := newWorld(t, bare)
	for code, asked := range map[frame.Code]bool{frame.Normal: true, frame.PolicyViolation: false} {
		addr, stop := w.serveAt("127.0.0.1:0", w.closing(code))
		c := w.dialReconnecting(addr, nil)
		var last error
		for f, err := range c.Messages(w.within()) {
			assert.Nil(w, f)
			last = err
		}
		assert.Equal(w, asked, last == nil, "%d: %v", code, last)
		if !asked {
			assert.Equal(w, code, CloseCode(last))
		}
		stop()
	}
	c := w.dialReconnecting("127.0.0.1:1", nil)
	c.Cut()
	for _, err := range c.Messages(w.within()) {
		assert.Fail(w, "it was asked for", "%v", err)
	}
}

// What connections have received before they were lost comes first, also if several were.
func TestReconnectingKeepsWhatWasReceived(t *testing.T) {
	w := newWorld(t, bare)
	const many = maxUnread + 3
	times := 0
	addr := w.session(nil, func(ctx context.Context, c *Conn) error {
		if times++; times > many {
			<-ctx.Done()
			return nil
		}
		return errors.Join(c.SendText(ctx, fmt.Sprint(times)), frame.Failure(frame.ServiceRestart, ""))
	})
	losses := make(chan *Disconnected, 2*many)
	c := w.dialReconnecting(addr, &Reconnect{Backoff: fast, Lost: func(d *Disconnected) { losses <- d }})
	for range many {
		<-losses
	}
	_, err := c.Conn(w.within())
	require.NoError(w, err)
	for i := many - maxUnread; i < many; i++ {
		text, err := c.ReceiveText(w.within())
		require.NoError(w, err)
		assert.Equal(w, fmt.Sprint(i+1), text)
	}
}

// A socket that takes nothing more is lost, though what has come by it was not received: who
// sends goes on with the next.
func TestReconnectingSendsPastABrokenSocket(t *testing.T) {
	everywhere(t, func(w *world) {
		first := true
		broken := make(chan struct{})
		heard := make(chan string, 1)
		addr := w.session(nil, func(ctx context.Context, c *Conn) error {
			if first {
				first = false
				for range 10 * defaultCreditFrames {
					if err := c.SendText(ctx, "nobody receives this"); err != nil {
						return err
					}
				}
				<-broken
				c.Cut()
				return nil
			}
			text, err := c.ReceiveText(ctx)
			heard <- text
			return err
		})
		c := w.dialReconnecting(addr, &Reconnect{Backoff: fast})
		ctx := w.within()
		conn, err := c.Conn(ctx)
		require.NoError(w, err)
		require.True(w, until(func() bool { conn.mu.Lock(); defer conn.mu.Unlock(); return len(conn.queue) >= defaultCreditFrames }))
		close(broken)
		require.True(w, until(func() bool {
			conn.Send(ctx, frame.Text("into the void"))
			return conn.broken() != nil || conn.Closed() != nil
		}))
		require.NoError(w, c.SendText(ctx, "still here"))
		assert.Equal(w, "still here", <-heard)
		w.Logf("%v", conn.Closed())
	})
}

// A client that only sends says so: what comes does not hold up the end of a connection.
func TestReconnectingDiscard(t *testing.T) {
	w := newWorld(t, bare)
	times := 0
	addr := w.session(nil, func(ctx context.Context, c *Conn) error {
		times++
		for range 10 * defaultCreditFrames {
			if err := c.SendText(ctx, "for nobody"); err != nil {
				return err
			}
		}
		if times == 3 {
			return frame.Failure(frame.PolicyViolation, "enough")
		}
		return frame.Failure(frame.ServiceRestart, "")
	})
	c := w.dialReconnecting(addr, &Reconnect{Backoff: fast})
	c.Discard()
	<-c.Done()
	assert.Equal(w, frame.PolicyViolation, c.Closed().Closed.Code)
	assert.True(w, c.Closed().Closed.Clean)
	_, err := c.Receive(w.within())
	assert.Equal(w, frame.PolicyViolation, CloseCode(err))
}
