package main

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What one says reaches everybody who is still there; other routes are net/http's.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sockettest.Serve(t, server(""))
		a, b := s.Connect("/chat"), s.Connect("/chat")
		synctest.Wait() // until both are members
		a.SendText("hello")
		a.ExpectText("hello")
		b.ExpectText("hello")
		b.Close(frame.Normal, "")
		a.SendText("still here")
		a.ExpectText("still here")
		a.Close(frame.Normal, "")

		client := &http.Client{Transport: &http.Transport{DialContext: s.DialContext, DisableKeepAlives: true}}
		r, err := client.Get("http://example.com/")
		require.NoError(t, err)
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		r.Body.Close()
		assert.Equal(t, "open a WebSocket at /chat\n", string(body))
	})
}
