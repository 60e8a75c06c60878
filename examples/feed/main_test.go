package main

import (
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A server that goes away once is subscribed to twice; its 1000 is the end.
func TestFollow(t *testing.T) {
	var subscribed atomic.Int32
	server := httptest.NewServer(&sockets.Handler{Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			assert.Equal(t, "subscribe news", f.String())
			if subscribed.Add(1) == 1 {
				ctx.Respond(frame.Close(frame.GoingAway, "restart"))
			} else {
				ctx.Respond(frame.Close(frame.Normal, "no more news"))
			}
		}
	})})
	defer server.Close()
	require.NoError(t, follow(strings.Replace(server.URL, "http", "ws", 1), []string{"news"}))
	assert.EqualValues(t, 2, subscribed.Load())
}
