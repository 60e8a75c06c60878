package sockets_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Two Conns that send each other more than anything between them holds, and receive meanwhile, do not wait for
// each other.
func TestLargeMessagesBothWays(t *testing.T) {
	const size = 1 << 20
	exchange := func(c *sockets.Conn) {
		sent := make(chan error, 1)
		go func() { sent <- c.SendBinary(context.Background(), make([]byte, size)) }()
		b, err := c.ReceiveBinary(context.Background())
		assert.NoError(t, err)
		assert.Len(t, b, size)
		assert.NoError(t, <-sent)
		assert.NoError(t, c.Flush(context.Background()))
	}
	synctest.Test(t, func(t *testing.T) {
		system := sockets.NewSystem()
		over := make(chan struct{})
		s := &sockets.Server{System: system, Server: http.Server{Handler: sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
			exchange(c)
			close(over)
			_, err := c.Receive(ctx)
			return err
		})}}
		l := newPipeListener()
		go s.Serve(l)
		c, err := sockets.Dial(t.Context(), "ws://a.example/", &sockets.DialOptions{System: system, Dialer: sockets.Dialer{NetDial: l.dial, Proxy: sockets.NoProxy}})
		require.NoError(t, err)
		began := time.Now()
		exchange(c)
		<-over
		assert.Less(t, time.Since(began), time.Second)
		require.NoError(t, c.Close(frame.Normal, ""))
		require.NoError(t, s.Shutdown(t.Context()))
	})
}
