package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// A page and a WebSocket of the same path go through.
func TestGateway(t *testing.T) {
	socket := &sockets.Callbacks{OnMessage: func(c *sockets.Conn, m *frame.Frame) { c.Send(c.Context(), m) }}
	behind := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sockets.IsUpgrade(r) {
			socket.ServeHTTP(w, r)
			return
		}
		io.WriteString(w, "page "+r.URL.Path)
	}))
	defer behind.Close()
	target, err := url.Parse(behind.URL)
	require.NoError(t, err)
	front := httptest.NewServer(gateway(target))
	defer front.Close()

	r, err := http.Get(front.URL + "/a")
	require.NoError(t, err)
	defer r.Body.Close()
	page, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, "page /a", string(page))

	c, err := sockets.Dial(t.Context(), "ws"+front.URL[len("http"):]+"/a", nil)
	require.NoError(t, err)
	require.NoError(t, c.SendText(t.Context(), "hello"))
	text, err := c.ReceiveText(t.Context())
	require.NoError(t, err)
	require.Equal(t, "hello", text)
	require.NoError(t, c.Close(frame.Normal, ""))
}
