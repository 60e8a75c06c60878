package main

import (
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A server that ends with an error is an error.
func TestRun(t *testing.T) {
	for code, want := range map[frame.Code]string{
		frame.Normal:        "",
		frame.GoingAway:     "",
		frame.NoStatus:      "",
		frame.InternalError: "1011",
		4401:                "4401",
	} {
		system := sockets.NewSystem()
		server := httptest.NewServer(&sockets.Handler{System: system, Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*sockets.Upgraded); ok {
				ctx.Respond(frame.Close(code, "bye"))
			}
		})})
		nothing, end := io.Pipe()
		err := run(strings.Replace(server.URL, "http", "ws", 1), nothing)
		end.Close()
		server.Close()
		system.Shutdown()
		if want == "" {
			assert.NoError(t, err, code)
			continue
		}
		require.Error(t, err, code)
		assert.Contains(t, err.Error(), want)
	}
}
