package main

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/require"
)

func TestShop(t *testing.T) {
	server := httptest.NewServer(handler())
	defer server.Close()
	got := make(chan any, 8)
	conn, err := sockets.DialActor(context.Background(), nil, "ws"+strings.TrimPrefix(server.URL, "http"), &sockets.UpgradeClient{
		Stages: []pipeline.Stage{pipeline.JSON[receipt]()},
		Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *receipt, *sockets.Closed:
				got <- m
			}
		}),
	})
	require.NoError(t, err)
	next := func() any {
		select {
		case m := <-got:
			return m
		case <-time.After(15 * time.Second):
			require.FailNow(t, "nothing came")
			return nil
		}
	}
	send := func(m any) { sockets.DefaultSystem().Root.Send(conn, m) }
	send(&order{"tea"})
	send(&order{"milk"})
	require.Equal(t, &receipt{"tea", 1}, next())
	require.Equal(t, &receipt{"milk", 2}, next())
	send(frame.Text("tea, please"))
	require.Equal(t, &receipt{}, next(), "an Error, which a receipt has no place for")
	send(&sockets.Leave{})
	require.True(t, next().(*sockets.Closed).Clean)
}
