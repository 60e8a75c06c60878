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

// A client that comes back does so when its connection is old, and nobody calls it a failure; its own Close is the last.
func TestMaxAgeOfAClientThatComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := sockettest.NewPeer(t)
		lost := make(chan *sockets.Disconnected, 2)
		c, err := sockets.DialReconnecting("ws://example.com/", &sockets.DialOptions{
			Dialer: peer.Dialer(), System: sockets.NewSystem(), Options: &sockets.Options{MaxAge: time.Hour},
		}, &sockets.Reconnect{Lost: func(d *sockets.Disconnected) { lost <- d }})
		require.NoError(t, err)
		require.Equal(t, "connection is old, open another", peer.Accept().ExpectClose(frame.ServiceRestart))
		p := peer.Accept()
		d := <-lost
		require.False(t, d.Final)
		require.NoError(t, d.Err)
		_, err = c.Conn(t.Context())
		require.NoError(t, err)
		c.Close(frame.ServiceRestart, "")
		p.ExpectClose(frame.ServiceRestart)
		require.True(t, (<-lost).Final)
	})
}

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
