package http2_test

import (
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/require"
)

// One listener has all streams of a connection, and hears of its end behind that of each.
func TestListenerForManyStreams(t *testing.T) {
	everywhere(t, func(t *testing.T, secure bool) {
		told := make(chan any, 100)
		named := 0
		c := serve(t, &sockets.Server{ListenerFor: func(net.Conn) *actor.PID {
			named++
			return harness.System().Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case *http.Request:
					ctx.Respond(&sockets.UpgradeServer{FrameHandler: ctx.Self()})
				case *frame.Frame:
					ctx.Respond(m)
				case *sockets.Connected, *sockets.Closed:
					told <- m
				case *sockets.ConnectionClosed:
					told <- m
					ctx.Stop(ctx.Self())
				}
			}))
		}}, secure)
		next := func() any {
			select {
			case m := <-told:
				return m
			case <-time.After(testTimeout):
				return nil
			}
		}
		const streams = 5
		for i := range streams {
			p := open(t, c, "/")
			p.echoes(fmt.Sprint(i))
		}
		first, _ := next().(*sockets.Connected)
		require.NotNil(t, first)
		require.Equal(t, secure, first.TLS != nil && first.TLS.NegotiatedProtocol == "h2")
		require.NoError(t, c.Close())
		for range streams {
			require.IsType(t, (*sockets.Closed)(nil), next())
		}
		require.IsType(t, (*sockets.ConnectionClosed)(nil), next())
		require.Equal(t, 1, named)
		require.Empty(t, told)
	})
}
