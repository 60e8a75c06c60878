package remote

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// outside is a server that is no node. It echoes, and keeps how its connections end.
type outside struct {
	url  string
	asks atomic.Int32
	ends chan error
}

func newOutside(t *testing.T) *outside {
	o := &outside{ends: make(chan error, 100)}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o.asks.Add(1)
		w.Header().Set("X-Server", "outside")
		sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
			for {
				m, err := c.Receive(ctx)
				if err == nil {
					err = c.Send(ctx, m)
				}
				if err != nil {
					o.ends <- err
					return err
				}
			}
		}).ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	o.url = "ws" + strings.TrimPrefix(s.URL, "http")
	return o
}

// ended waits for the end of a connection, which has the code.
func (o *outside) ended(t *testing.T, code frame.Code) {
	t.Helper()
	select {
	case err := <-o.ends:
		var end *sockets.CloseError
		require.ErrorAs(t, err, &end)
		require.Equal(t, code, end.Code)
	case <-time.After(10 * time.Second):
		require.Fail(t, "it does not end")
	}
}

// A connection that a node has dialled may have its handler on another, too.
func TestDialled(t *testing.T) {
	worker, second, gateway := start(t, Config{}), start(t, Config{}), (*machine)(nil)
	gateway = start(t, Config{Another: func(lost *actor.PID) *actor.PID {
		if lost.Id == "stays" {
			return nil
		}
		return actor.NewPID(second.node.Addr(), lost.Id)
	}})
	require.NoError(t, gateway.node.Connect(t.Context(), second.node.Addr()))
	o := newOutside(t)
	client := func(name string) *sockets.UpgradeClient {
		return &sockets.UpgradeClient{FrameHandler: actor.NewPID(worker.node.Addr(), name), Header: http.Header{"X-Name": {"Ren\xe9e"}}}
	}
	h := worker.handler("moves", nil)
	dialled, err := sockets.DialActor(t.Context(), gateway.system, o.url+"/feed?x=1", client("moves"))
	require.NoError(t, err)
	u, conn := next[*sockets.Upgraded](t, h)
	assert.Equal(t, dialled.Id, conn.Id)
	assert.Equal(t, "/feed?x=1", u.Request.URL.RequestURI())
	assert.Equal(t, "Ren\xe9e", u.Request.Header.Get("X-Name"))
	assert.Equal(t, []any{101, "outside"}, []any{u.Response.StatusCode, u.Response.Header.Get("X-Server")})
	for _, s := range []string{"one", "two"} {
		worker.system.Root.Send(conn, frame.Text(s))
		f, _ := next[*frame.Frame](t, h)
		assert.Equal(t, s, f.String())
	}
	gateway.system.Root.Send(dialled, &sockets.Leave{Code: frame.Normal, Reason: "enough"})
	closed, _ := next[*sockets.Closed](t, h)
	assert.True(t, closed.Clean)
	o.ended(t, frame.Normal)
	h.judge(t)

	_, err = sockets.DialActor(t.Context(), gateway.system, o.url, client("nobody"))
	require.NoError(t, err)
	o.ended(t, frame.InternalError)

	// Who connects first and upgrades then is served the same.
	connected, err := sockets.Connect(t.Context(), gateway.system, "http"+strings.TrimPrefix(o.url, "ws"), nil)
	require.NoError(t, err)
	answer, err := gateway.system.Root.RequestFuture(connected, client("moves"), 5*time.Second).Result()
	require.NoError(t, err)
	require.IsType(t, &http.Response{}, answer)
	_, conn = next[*sockets.Upgraded](t, h)
	assert.Equal(t, connected.Id, conn.Id)

	// The worker is lost: one is taken over, one ends.
	stays, moved := worker.handler("stays", nil), second.handler("moves", nil)
	_, err = sockets.DialActor(t.Context(), gateway.system, o.url, client("stays"))
	require.NoError(t, err)
	next[*sockets.Upgraded](t, stays)
	worker.node.Close()
	o.ended(t, frame.InternalError)
	u, conn = next[*sockets.Upgraded](t, moved)
	assert.Equal(t, []any{101, "outside", false}, []any{u.Response.StatusCode, u.Response.Header.Get("X-Server"), u.Again})
	second.system.Root.Send(conn, frame.Text("three"))
	f, _ := next[*frame.Frame](t, moved)
	assert.Equal(t, "three", f.String())

	// Nobody asks a server for a handler that cannot be reached.
	asks := o.asks.Load()
	_, err = sockets.DialActor(t.Context(), gateway.system, o.url, client("moves"))
	var away *AwayError
	require.ErrorAs(t, err, &away)
	assert.Equal(t, worker.node.Addr(), away.Node)
	assert.Equal(t, asks, o.asks.Load())

	// A worker that leaves has the connection closed with 1012.
	go second.node.Shutdown(t.Context())
	closed, _ = next[*sockets.Closed](t, moved)
	assert.True(t, closed.Clean)
	o.ended(t, frame.ServiceRestart)
	moved.judge(t)
}

// A client that comes back finds its handler's node again, and is told when the handler stops.
func TestReconnectActor(t *testing.T) {
	worker, gateway := start(t, Config{}), start(t, Config{})
	o := newOutside(t)
	addr := worker.node.Addr()
	h := worker.handler("feed", nil)
	fast := sockets.Backoff{First: 10 * time.Millisecond, Cap: 20 * time.Millisecond}
	pid, err := sockets.ReconnectActor(gateway.system, o.url, &sockets.UpgradeClient{FrameHandler: actor.NewPID(addr, "feed")},
		&sockets.Reconnect{Backoff: fast})
	require.NoError(t, err)
	ended := make(chan struct{})
	gateway.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *actor.Started:
			ctx.Watch(pid)
		case *actor.Terminated:
			close(ended)
		}
	}))
	u, conn := next[*sockets.Upgraded](t, h)
	assert.Zero(t, u.Returns)
	worker.system.Root.Send(conn, &sockets.Cut{}) // the network's fault
	lost, from := next[*sockets.Disconnected](t, h)
	assert.Equal(t, []any{pid.Id, false}, []any{from.Id, lost.Final})
	u, _ = next[*sockets.Upgraded](t, h)
	assert.Equal(t, 1, u.Returns)

	worker.node.Close() // and is there again, at its address
	o.ended(t, frame.Abnormal)
	o.ended(t, frame.InternalError)
	again := startAgain(t, addr)
	h = again.handler("feed", nil)
	u, _ = next[*sockets.Upgraded](t, h)
	assert.NotZero(t, u.Returns)
	again.system.Root.Stop(again.system.NewLocalPID("feed"))
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		assert.Fail(t, "it does not end with its handler")
	}
}
