package sockets_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
	"github.com/stretchr/testify/require"
)

// A connection ends at its age, or up to a quarter before; stages that are put in make it no younger.
func TestMaxAgeStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system := sockets.NewSystem()
		server := sockettest.Serve(t, &sockets.Server{System: system, Server: http.Server{Handler: &sockets.Handler{
			Options: &sockets.Options{MaxAge: time.Hour, PingInterval: -1},
			Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
				switch ctx.Message().(type) {
				case *sockets.Upgraded, *frame.Frame:
					ctx.Respond(&sockets.SetStages{})
				}
			}),
		}}})
		p := server.Connect("/")
		p.ExpectNothing(30 * time.Minute)
		p.SendText("other stages, again")
		p.ExpectNothing(15*time.Minute - time.Second)
		require.Equal(t, "connection is old, open another", p.ExpectClose(frame.ServiceRestart))
	})
}
