package main

import (
	"bytes"
	"context"
	"encoding/json"
	"expvar"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var published atomic.Pointer[sockets.Counters]

// What a client does is in the log, and among the figures.
func TestObserve(t *testing.T) {
	var counters sockets.Counters
	published.Store(&counters)
	if expvar.Get("of a test") == nil { // it cannot be taken back
		expvar.Publish("of a test", expvar.Func(func() any { return published.Load().Stats() }))
	}
	var logged bytes.Buffer // read when the server has ended
	server := newServer(&counters, slog.New(slog.NewTextHandler(&logged, nil)))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()

	ctx := t.Context()
	c, err := sockets.Dial(ctx, "ws://"+l.Addr().String()+"/echo", nil)
	require.NoError(t, err)
	require.NoError(t, c.SendText(ctx, "hello"))
	_, err = c.Receive(ctx)
	require.NoError(t, err)
	require.NoError(t, c.Close(frame.Normal, ""))
	plain, err := http.Get("http://" + l.Addr().String() + "/echo")
	require.NoError(t, err)
	plain.Body.Close()
	assert.Equal(t, http.StatusUpgradeRequired, plain.StatusCode)
	page, err := http.Get("http://" + l.Addr().String() + "/debug/vars")
	require.NoError(t, err)
	defer page.Body.Close()
	var vars struct {
		Stats sockets.Stats `json:"of a test"`
	}
	require.NoError(t, json.NewDecoder(page.Body).Decode(&vars))
	assert.EqualValues(t, 1, vars.Stats.Opened)
	assert.EqualValues(t, 1, vars.Stats.Refused["426"])
	assert.EqualValues(t, 5, vars.Stats.BytesOut)

	require.NoError(t, server.Shutdown(context.Background()))
	require.ErrorIs(t, <-served, http.ErrServerClosed)
	for _, part := range []string{"msg=opened", "conn.path=/echo", "msg=closed", "conn.messages_in=1", "code=1000", "by=peer", "msg=refused", "handshake.status=426"} {
		assert.Contains(t, logged.String(), part)
	}
}
