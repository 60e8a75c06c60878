package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/require"
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

// Who interrupts the gateway leaves nobody without a Close.
func TestInterrupted(t *testing.T) {
	behind := httptest.NewServer(new(sockets.Callbacks))
	defer behind.Close()
	target, err := url.Parse(behind.URL)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	interrupted, interrupt := context.WithCancel(context.Background())
	served := make(chan error, 1)
	server := &sockets.Server{Server: http.Server{Handler: gateway(target)}}
	go func() { served <- serve(interrupted, l, server) }()
	codes := make(chan frame.Code, 100)
	for range cap(codes) {
		c, err := sockets.Dial(t.Context(), "ws://"+l.Addr().String(), nil)
		require.NoError(t, err)
		go func() {
			_, err := c.Receive(context.Background())
			codes <- sockets.CloseCode(err)
		}()
	}
	interrupt()
	require.NoError(t, <-served)
	require.Zero(t, server.Connections(), "it waits for them")
	for range cap(codes) {
		require.Equal(t, frame.GoingAway, <-codes)
	}
}

func TestWrongTarget(t *testing.T) {
	for _, to := range []string{"foo", "", "ws://localhost", "http://", "http://%zz"} {
		require.ErrorContains(t, run("127.0.0.1:0", to), "write http://HOST:PORT", to)
	}
}
