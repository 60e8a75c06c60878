package sockets

import (
	"context"
	"log"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a program cannot mean is said where it is said first, before there is a request, in one line.
func TestMisuseIsSaidAtRegistration(t *testing.T) {
	target := func(address string) func() {
		return func() {
			u, err := url.Parse(address)
			require.NoError(t, err, address)
			NewProxy(u)
		}
	}
	for want, register := range map[string]func(){
		"sockets: Session of a nil function":                             func() { Session(nil) },
		"sockets: WithOptions of a nil handler":                          func() { WithOptions(nil, nil) },
		"pipeline: stage 1 of a Chain is nil":                            func() { pipeline.Chain(pipeline.Text, nil) },
		"pipeline: BinaryFormat of a nil function":                       func() { pipeline.BinaryFormat(nil, nil) },
		"sockets: NewProxy: no URL of the backend: write ws://host:port": func() { NewProxy(nil) },
		`sockets: NewProxy: the backend's URL "localhost:8080" is none of ws, wss, http and https with a host: write ws://host:port`:  target("localhost:8080"),
		`sockets: NewProxy: the backend's URL "http//x" is none of ws, wss, http and https with a host: write ws://host:port`:         target("http//x"),
		`sockets: NewProxy: the backend's URL "ftp://u:xxxxx@x" is none of ws, wss, http and https with a host: write ws://host:port`: target("ftp://u:secret@x"),
		`sockets: NewProxy: the backend's URL "ws:///x" is none of ws, wss, http and https with a host: write ws://host:port`:         target("ws:///x"),
	} {
		assert.PanicsWithValue(t, want, register)
	}
	for _, address := range []string{"ws://x", "wss://x:1/y", "http://[::1]:8080", "HTTPS://x"} {
		assert.NotPanics(t, target(address), address)
	}
}

// What only a request shows is said then, before it is upgraded: the client is refused, and the log says why.
func TestMisuseIsSaidBeforeTheUpgrade(t *testing.T) {
	w := newWorld(t, bare)
	nothing := actor.PropsFromFunc(func(actor.Context) {})
	for want, h := range map[string]http.Handler{
		"the SessionHandler has no Serve": &SessionHandler{},
		"Stages[1] is nil":                &SessionHandler{Serve: echoes, Stages: []pipeline.Stage{pipeline.MaxAge(1e12), nil}},
		"Stages[0] is nil":                &Handler{System: w.system, Spawn: nothing, Stages: make([]pipeline.Stage, 1)},
	} {
		said := new(logged)
		s := &Server{Server: http.Server{Handler: h, ErrorLog: log.New(said, "", 0)}, System: w.system}
		p, status := w.knock(w.run(s))
		assert.Equal(t, 500, status, want)
		p.Close()
		assert.Contains(t, said.String(), want)
	}
	u := &UpgradeClient{Spawn: nothing, Stages: make([]pipeline.Stage, 1)}
	_, err := DialActor(context.Background(), w.system, "ws://127.0.0.1:1", u)
	assert.ErrorContains(t, err, "Stages[0] is nil")
	_, err = ReconnectActor(w.system, "ws://127.0.0.1:1", u, nil)
	assert.ErrorContains(t, err, "Stages[0] is nil")
}

// A stage whose values a Conn does not know is told of once: they would be missing, and nobody could say why.
func TestValuesForAConn(t *testing.T) {
	w := newWorld(t, bare)
	said := new(logged)
	var conn atomic.Pointer[Conn]
	serve := func(ctx context.Context, c *Conn) error {
		conn.Store(c)
		return echoes(ctx, c)
	}
	asks := writerFunc(func(p []byte) (int, error) { // a log that says more of the connection, or sends itself over it
		said.Write([]byte(conn.Load().String()))
		return said.Write(p)
	})
	stages := []pipeline.Stage{pipeline.JSON[map[string]int]()}
	s := &Server{Server: http.Server{Handler: &SessionHandler{Serve: serve, Stages: stages}, ErrorLog: log.New(asks, "", 0)}, System: w.system}
	c := w.openAt(w.run(s), "/path")
	for range 3 {
		require.NoError(t, c.SendText(w.within(), `{"a":1}`))
	}
	require.NoError(t, c.Close(frame.Normal, ""))
	assert.Equal(t, 1, strings.Count(said.String(), "what it does not know: it takes frames"), "a peer must not fill the log")
	assert.Contains(t, said.String(), "type=*map[string]int path=/path")
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
