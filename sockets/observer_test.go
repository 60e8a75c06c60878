package sockets

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Whatever a server refuses, and for whatever reason, its observer and that of the options
// hear of once, with the status that the client got; of a connection as well, each once.
func TestObserverOfAServer(t *testing.T) {
	everywhere(t, func(w *world) {
		server := new(pairs)
		o := &Options{Portable: w.portable, AllowedHosts: []string{"127.0.0.1"}, Observers: []*Observer{w.pairs.observer()}}
		why := errors.New("the program's")
		h := w.spawned()
		handler := &Handler{System: w.system, Options: o, New: func(r *http.Request) (*UpgradeServer, error) {
			switch r.URL.Query().Get("want") {
			case "refusal":
				return nil, &Refusal{Status: 401, Reason: "who are you"}
			case "error":
				return nil, why
			case "panic":
				panic("on purpose")
			case "nobody":
				return &UpgradeServer{}, nil
			case "stage":
				return &UpgradeServer{Spawn: h.props, Stages: []pipeline.Stage{func(_, _ pipeline.Sink) (pipeline.Sink, pipeline.Sink) { panic("on purpose") }}}, nil
			}
			return &UpgradeServer{Spawn: h.props}, nil
		}}
		mux := http.NewServeMux()
		mux.Handle("GET /ws/{room}", handler)
		s := &Server{Server: quiet(mux), System: w.system, Observers: []*Observer{nil, server.observer(), o.Observers[0]}}
		addr := w.run(s)
		ask := func(query string, lines ...string) int {
			p := w.dial(addr)
			defer p.Close()
			p.send("GET /ws/a?want=" + query + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: " + sampleKey + "\r\n")
			for _, l := range append(lines, "Sec-WebSocket-Version: 13") {
				p.send(l + "\r\n")
				if l == "Sec-WebSocket-Version: 8" {
					break
				}
			}
			p.send("\r\n")
			return p.answer("GET").StatusCode
		}
		want := []int{401, 500, 500, 500, 500, 426, 403}
		for i, got := range []int{
			ask("refusal"), ask("error"), ask("panic"), ask("nobody"), ask("stage"),
			ask("", "Sec-WebSocket-Version: 8"), ask("", "Origin: http://b.example"),
		} {
			require.Equal(w, want[i], got, i)
		}
		first := w.dial(addr)
		first.send("GET /ws/b HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: " + sampleKey + "\r\nSec-WebSocket-Version: 13\r\n\r\n")
		require.Equal(w, 101, first.answer("GET").StatusCode)
		first.send(masked(frame.Text("hello")), masked(frame.Close(4321, "")))
		first.closes(4321)
		first.Close()
		require.NoError(w, s.Shutdown(w.Context())) // when a drain has returned, all is told

		for _, p := range []*pairs{server, w.pairs} {
			p.judge(w)
			p.mu.Lock()
			var got []int
			for _, r := range p.refused {
				got = append(got, r.Status)
				assert.Equal(w, "GET /ws/{room}", r.Route)
				assert.NotNil(w, r.Request)
				assert.False(w, r.Client)
			}
			assert.ElementsMatch(w, want, got)
			require.Len(w, p.closed, 1)
			assert.Equal(w, Closed{Code: 4321, By: Peer, Clean: true}, *p.closed[0])
			assert.Equal(w, Traffic{MessagesIn: 1, BytesIn: 5}, p.total)
			p.mu.Unlock()
		}
	})
}

// What a cap refuses is told, also where the connection must be taken before it can be judged.
func TestObserverOfACap(t *testing.T) {
	w := newWorld(t, bare)
	for name, middleware := range map[string]func(http.Handler) http.Handler{
		"": func(h http.Handler) http.Handler { return h },
		"without its context": func(h http.Handler) http.Handler {
			return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { h.ServeHTTP(rw, r.WithContext(context.Background())) })
		},
	} {
		w.in(name, func(w *world) {
			seen := new(pairs)
			h := w.spawned()
			s := &Server{
				Server: quiet(middleware(&Handler{System: w.system, Spawn: h.props})), System: w.system, MaxConns: 1,
				Observers: []*Observer{seen.observer()},
			}
			addr := w.run(s)
			first := w.upgrade(addr)
			second := w.dial(addr)
			second.send(handshake(addr))
			assert.Equal(w, 503, second.answer("GET").StatusCode)
			second.Close()
			first.Close()
			require.NoError(w, s.Shutdown(w.Context()))
			seen.judge(w)
			seen.mu.Lock()
			defer seen.mu.Unlock()
			require.Len(w, seen.refused, 1)
			assert.Equal(w, 503, seen.refused[0].Status)
			assert.Len(w, seen.closed, 1)
		})
	}
}

// Whatever keeps a client from its connection, its observer hears of once.
func TestObserverOfAClient(t *testing.T) {
	w := newWorld(t, bare)
	h := w.spawned()
	addr := w.dropIn(&Handler{System: w.system, New: func(r *http.Request) (*UpgradeServer, error) {
		if r.URL.Path == "/no" {
			return nil, &Refusal{Status: 418, Reason: "tea"}
		}
		return &UpgradeServer{Spawn: h.props}, nil
	}})
	client := w.spawned()
	u := &UpgradeClient{Spawn: client.props, Options: &Options{Observers: []*Observer{w.pairs.observer()}}}
	_, err := DialActor(t.Context(), w.system, "ws://"+addr+"/no", u)
	require.Error(w, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = DialActor(ended, w.system, "ws://"+addr+"/yes", u)
	require.ErrorIs(w, err, context.Canceled)

	conn, err := Connect(t.Context(), w.system, "ws://"+addr, nil)
	require.NoError(w, err)
	no := *u
	no.Path = "/no"
	answer, err := w.system.Root.RequestFuture(conn, &no, testTimeout).Result()
	require.NoError(w, err)
	var refused *HandshakeError
	require.ErrorAs(w, answer.(error), &refused)
	w.system.Root.StopFuture(conn).Wait()

	dialled, err := DialActor(t.Context(), w.system, "ws://"+addr+"/yes?secret", u)
	require.NoError(w, err)
	w.system.Root.Send(dialled, frame.Text("hello"))
	w.system.Root.Send(dialled, frame.Close(frame.Normal, ""))
	client.untilClosed()
	w.system.Root.StopFuture(dialled).Wait()
	w.pairs.mu.Lock()
	defer w.pairs.mu.Unlock()
	var got []int
	for _, r := range w.pairs.refused {
		got = append(got, r.Status)
		assert.True(w, r.Client)
		assert.Equal(w, addr, r.Peer)
	}
	assert.ElementsMatch(w, []int{418, 0, 418}, got)
	require.Len(w, w.pairs.closed, 1)
	assert.Equal(w, frame.Normal, w.pairs.closed[0].Code)
	assert.Equal(w, Traffic{MessagesOut: 1, BytesOut: 5}, w.pairs.total)
}

// A panic of an observer is logged, and harms neither the connection nor other observers.
func TestObserverPanics(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		bad := &Observer{
			Opened:   func(*Observed, *http.Request) { panic("on purpose") },
			Refused:  func(*Refused) { panic("on purpose") },
			Closed:   func(*Observed, *Closed) { panic("on purpose") },
			Traffic:  func(*Observed, Traffic) { panic("on purpose") },
			Panicked: func(*Observed, any) { panic("on purpose") },
		}
		logged := new(lines)
		h := w.handler(echo)
		s := &Server{Server: quiet(&Handler{System: w.system, FrameHandler: h.pid}), System: w.system, Observers: []*Observer{bad, w.pairs.observer()}}
		logged.to(s)
		addr := w.run(s)
		p := w.dial(addr)
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		assert.Equal(w, 426, p.answer("GET").StatusCode)
		p.Close()
		p = w.upgrade(addr)
		p.send(masked(frame.Text("hello")))
		assert.Equal(w, "hello", p.frame().String())
		p.send(masked(frame.Close(frame.Normal, "")))
		p.closes(frame.Normal)
		p.Close()
		h.untilClosed()
		require.NoError(w, s.Close())
		logged.has(w, "observer panicked", "on purpose", "observer_test.go")
		w.pairs.mu.Lock()
		defer w.pairs.mu.Unlock()
		assert.Len(w, w.pairs.refused, 1)
		assert.Len(w, w.pairs.closed, 1)
		assert.Equal(w, Traffic{MessagesIn: 1, MessagesOut: 1, BytesIn: 5, BytesOut: 5}, w.pairs.total)
	})
}

// A panic of a handler of the connection's own, of a shared one, of a stage or of a session
// is told, before Closed if that is what it comes to.
func TestObserverHearsOfPanics(t *testing.T) {
	w := newWorld(t, bare)
	crash := func(ctx actor.Context) {
		if _, ok := ctx.Message().(*frame.Frame); ok {
			panic("on purpose")
		}
	}
	own := w.spawned(crash)
	own.mortal = true
	shared := w.system.Root.Spawn(actor.PropsFromFunc(crash, Dispatcher(w.system)))
	elsewhere := w.system.Root.Spawn(actor.PropsFromFunc(crash))
	defer func() {
		w.system.Root.StopFuture(shared).Wait()
		w.system.Root.StopFuture(elsewhere).Wait()
	}()
	o := w.terms(&UpgradeServer{}).Options
	o.EndOnRestart = true
	session := Session(func(ctx context.Context, c *Conn) error {
		c.Receive(ctx)
		panic("on purpose")
	})
	session.Options = o
	panics := 0
	for name, h := range map[string]http.Handler{
		"own":       &Handler{System: w.system, Spawn: own.props, Options: o},
		"shared":    &Handler{System: w.system, FrameHandler: shared, Options: o},
		"elsewhere": &Handler{System: w.system, FrameHandler: elsewhere, Options: o},
		"stage":     &Handler{System: w.system, FrameHandler: shared, Options: o, Stages: []pipeline.Stage{panicsAtFrames}},
		"session":   session,
	} {
		p := w.upgrade(w.dropIn(h))
		p.send(masked(frame.Text("hello")))
		p.closes(frame.InternalError)
		p.Close()
		panics++
		w.pairs.mu.Lock()
		assert.Equal(w, panics, w.pairs.panics, name)
		w.pairs.mu.Unlock()
	}
}

// panicsAtFrames is a stage.
func panicsAtFrames(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
	return func(item any) {
		if _, ok := item.(*frame.Frame); ok {
			panic("on purpose")
		}
		up(item)
	}, down
}
