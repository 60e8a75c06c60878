package http2_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xhttp2 "golang.org/x/net/http2"
)

// However a stream ends without a Close, it is 1006; and its neighbours hear nothing of it.
func TestEnds(t *testing.T) {
	ends := map[string]func(p *peer){
		"RST_STREAM": func(p *peer) { require.NoError(p, p.Reset(xhttp2.ErrCodeCancel)) },
		"END_STREAM": func(p *peer) { require.NoError(p, p.CloseWrite()); p.ends() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(t *testing.T, secure bool) {
				ended := make(closed, 10)
				c := serve(t, &sockets.Server{Server: http.Server{Handler: &sockets.Handler{Spawn: ended.echo()}}}, secure)
				beside := open(t, c, "/")
				frames := frame.AppendMasked(nil, frame.Text("hello"), [4]byte{1, 2, 3, 4})
				for cut := range len(frames) + 1 {
					p := open(t, c, "/")
					_, err := p.Write(frames[:cut])
					require.NoError(t, err)
					if cut == len(frames) {
						p.text("hello")
					}
					end(p)
					ended.expect(t, frame.Abnormal)
				}
				beside.echoes("hello")
				require.NoError(t, c.Close())
				ended.expect(t, frame.Abnormal)
			})
		})
	}
}

// A reset before the answer is one of nobody's connections, or of one that is told Closed.
func TestResetDuringHandshake(t *testing.T) {
	ended := make(closed, 200)
	opened := make(chan struct{}, 200)
	h := &sockets.Handler{Spawn: ended.echo(), New: func(*http.Request) (*sockets.UpgradeServer, error) {
		opened <- struct{}{}
		return nil, nil
	}}
	c := serve(t, &sockets.Server{Server: http.Server{Handler: h}}, false)
	for range 100 {
		s, err := c.Connect("/")
		require.NoError(t, err)
		require.NoError(t, s.Reset(xhttp2.ErrCodeCancel))
		<-opened
		ended.expect(t, frame.Abnormal)
	}
	p := open(t, c, "/")
	p.echoes("still here")
	require.NoError(t, p.Reset(xhttp2.ErrCodeCancel))
	ended.expect(t, frame.Abnormal)
}

// A thousand streams opened and reset at once are net/http's to stop, and leave nothing behind.
func TestRapidReset(t *testing.T) {
	var opened, told atomic.Int64
	h := &sockets.Handler{Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *sockets.Upgraded:
			opened.Add(1)
		case *sockets.Closed:
			told.Add(1)
		}
	})}
	server := &sockets.Server{Server: http.Server{Handler: h}}
	connect := listen(t, server, false)
	c := connect()
	for range 1000 {
		s, err := c.Connect("/")
		if err == nil {
			err = s.Reset(xhttp2.ErrCodeCancel)
		}
		if err != nil { // the server has had enough
			code, away := c.GoAway()
			assert.True(t, away && code == xhttp2.ErrCodeEnhanceYourCalm, "%v: %v", err, code)
			break
		}
	}
	p := open(t, connect(), "/")
	p.send(frame.Close(frame.Normal, ""))
	p.closes(frame.Normal)
	require.Eventually(t, func() bool { return server.Connections() == 0 && opened.Load() == told.Load() }, testTimeout, 10*time.Millisecond)
	assert.LessOrEqual(t, opened.Load(), int64(1001))
}

// A handler that stops its connection, or panics in front of it, ends the stream.
func TestEndsByUs(t *testing.T) {
	ended := make(closed, 1)
	upgrade := &sockets.Handler{Spawn: ended.echo()}
	mux := http.NewServeMux()
	mux.HandleFunc("/cut", func(w http.ResponseWriter, r *http.Request) {
		if c, err := sockets.Accept(w, r, nil); assert.NoError(t, err) {
			c.Receive(r.Context())
			c.Cut()
			ended <- &sockets.Closed{Code: frame.Abnormal}
		}
	})
	mux.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) {
		upgrade.ServeHTTP(w, r)
		panic(http.ErrAbortHandler)
	})
	mux.Handle("/unmade", &sockets.Handler{Spawn: actor.PropsFromFunc(func(actor.Context) {}, actor.WithSpawnFunc(
		func(*actor.ActorSystem, string, *actor.Props, actor.SpawnerContext) (*actor.PID, error) {
			panic("unmade")
		}))})
	c := serve(t, &sockets.Server{Server: http.Server{Handler: mux}}, false)
	p := open(t, c, "/cut")
	p.send(frame.Text("go"))
	p.ends()
	ended.expect(t, frame.Abnormal)

	s, err := c.Connect("/panic")
	require.NoError(t, err)
	_, err = s.Read(make([]byte, 1))
	require.Error(t, err)
	ended.expect(t, frame.Abnormal)

	s, err = c.Connect("/unmade", "sec-websocket-protocol", "chat")
	require.NoError(t, err)
	status, header, err := s.Answer()
	require.NoError(t, err)
	assert.Equal(t, "500", status)
	assert.Empty(t, header.Get("Sec-WebSocket-Protocol"))
}

func TestCaps(t *testing.T) {
	ended := make(closed, 3)
	c := serve(t, &sockets.Server{MaxConns: 2, Server: http.Server{Handler: &sockets.Handler{Spawn: ended.echo()}}}, false)
	open(t, c, "/")
	p := open(t, c, "/")
	s, err := c.Connect("/")
	require.NoError(t, err)
	status, _, err := s.Answer()
	require.NoError(t, err)
	assert.Equal(t, "503", status)
	p.send(frame.Close(frame.Normal, ""))
	p.closes(frame.Normal)
	ended.expect(t, frame.Normal)
	require.Eventually(t, func() bool { _, err := c.WebSocket("/"); return err == nil }, testTimeout, 10*time.Millisecond)
}

func TestShutdown(t *testing.T) {
	everywhere(t, func(t *testing.T, secure bool) {
		ended := make(closed, 20)
		server := &sockets.Server{Server: http.Server{Handler: &sockets.Handler{Spawn: ended.echo()}}}
		c := serve(t, server, secure)
		var peers []*peer
		for range 10 {
			peers = append(peers, open(t, c, "/"))
		}
		down := make(chan sockets.DrainResult, 1)
		go func() {
			d, err := server.ShutdownResult(context.Background())
			assert.NoError(t, err)
			down <- d
		}()
		for _, p := range peers {
			f := p.next()
			code, _ := f.CloseStatus()
			require.Equal(t, frame.GoingAway, code)
			p.send(frame.Close(frame.GoingAway, ""))
			p.ends()
			ended.expect(t, frame.GoingAway)
		}
		assert.Equal(t, sockets.DrainResult{Asked: 10}, <-down)
		assert.NoError(t, c.Closed())
	})
}

// What middleware does over HTTP/1.1 it does here: it may replace the request's context, put a
// ResponseWriter around net/http's, or both.
func TestMiddleware(t *testing.T) {
	ended := make(closed, 3)
	h := &sockets.Handler{Spawn: ended.echo()}
	layers := map[string]func(w http.ResponseWriter, r *http.Request){
		"a context": func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(w, r.WithContext(context.Background())) },
		"a writer":  func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(struct{ http.ResponseWriter }{w}, r) },
		"an unwrapped both": func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(unwrapped{w}, r.WithContext(context.Background()))
		},
		"a body with limits": func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, 3)
			h.ServeHTTP(w, r)
		},
	}
	for name, layer := range layers {
		t.Run(name, func(t *testing.T) {
			server := &sockets.Server{MaxConns: 1, Server: http.Server{Handler: http.HandlerFunc(layer)}}
			h.System = harness.System()
			c := serve(t, server, false)
			p := open(t, c, "/")
			p.echoes("hello")
			assert.Equal(t, 1, server.Connections(), "it is the server's")
			p.send(frame.Close(frame.Normal, ""))
			p.closes(frame.Normal)
			ended.expect(t, frame.Normal)
		})
	}
}

type unwrapped struct{ http.ResponseWriter }

func (u unwrapped) Unwrap() http.ResponseWriter { return u.ResponseWriter }

// An idle connection has net/http's goroutine and none of ours.
func TestOneGoroutine(t *testing.T) {
	const n = 100
	ended := make(closed, n+1)
	c := serve(t, &sockets.Server{Server: http.Server{Handler: &sockets.Handler{Spawn: ended.echo()}}}, false)
	open(t, c, "/").echoes("warm")
	before := runtime.NumGoroutine()
	var peers []*peer
	for i := range n {
		peers = append(peers, open(t, c, "/"))
		peers[i].echoes(fmt.Sprint(i))
	}
	assert.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+n+2 }, testTimeout, 10*time.Millisecond,
		"%d before, %d with %d more", before, runtime.NumGoroutine(), n)
}
