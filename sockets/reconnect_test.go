package sockets

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fast has clients come back at once.
var fast = Backoff{Floor: time.Millisecond, First: 2 * time.Millisecond, Cap: 4 * time.Millisecond}

// serveAt serves addr until stop is called.
func (w *world) serveAt(addr string, h http.Handler) (at string, stop func()) {
	l, err := net.Listen("tcp", addr)
	require.NoError(w, err)
	s := &Server{Server: quiet(h), System: w.system}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if w.tls {
			s.ServeTLS(l, "", "")
		} else {
			s.Serve(l)
		}
	}()
	return l.Addr().String(), func() {
		s.Close()
		<-done
	}
}

// reconnecting starts an actor that comes back, which leaves with the test.
func (w *world) reconnecting(h *handler, addr string, r *Reconnect) *actor.PID {
	pid, err := ReconnectActor(w.system, w.url(addr), w.client(h), r)
	require.NoError(w, err)
	w.Cleanup(func() { w.system.Root.StopFuture(pid).Wait() })
	return pid
}

// untilFinal passes over everything up to the last Disconnected.
func (h *handler) untilFinal() *Disconnected {
	h.Helper()
	for {
		if d, ok := h.next().message.(*Disconnected); ok && d.Final {
			return d
		}
	}
}

// back passes over failed attempts up to the next connection.
func (h *handler) back() (*actor.PID, *Upgraded) {
	h.Helper()
	for {
		switch m := h.next(); u := m.message.(type) {
		case *Upgraded:
			return h.system.NewLocalPID(m.from), u
		case *Disconnected:
			require.False(h, u.Final, "%+v", u)
			assert.Error(h, u.Err)
			assert.Nil(h, u.Closed)
			assert.Positive(h, u.RetryIn)
		default:
			require.FailNow(h, "told", "%T", u)
		}
	}
}

// A server restarts on the same port. The handler is told of the loss and of the return, what
// is to be sent first goes out first, then what has waited, in order, then the rest.
func TestReconnect(t *testing.T) {
	everywhere(t, func(w *world) {
		for _, name := range []string{"shared", "spawned"} {
			w.in(name, func(w *world) {
				server := w.spawned(echo)
				addr, stop := w.serveAt("127.0.0.1:0", w.upgrading(&UpgradeServer{Spawn: server.props}))
				h := w.handler()
				if name == "spawned" {
					h = w.spawned()
				}
				conn := w.reconnecting(h, addr, &Reconnect{
					Backoff: fast,
					First:   func(u *Upgraded) []any { return []any{frame.Text(fmt.Sprint("subscribe ", u.Returns))} },
					Queue:   2,
				})
				tell := func(s string) { w.system.Root.Send(conn, frame.Text(s)) }
				_, u := h.upgraded()
				assert.Equal(w, 0, u.Returns)
				h.text("subscribe 0")
				tell("hello")
				h.text("hello")

				stop()
				closed := expect[*Closed](h)
				d := expect[*Disconnected](h)
				assert.Same(w, closed, d.Closed)
				assert.Equal(w, 0, d.Attempts)
				assert.False(w, d.Final)
				for _, s := range []string{"one", "two", "three"} {
					tell(s)
				}
				var dropped *Dropped
				for dropped == nil {
					switch m := h.next().message.(type) {
					case *Dropped:
						dropped = m
					case *Disconnected:
						assert.Error(w, m.Err)
					default:
						require.FailNow(w, "told", "%T", m)
					}
				}
				assert.Equal(w, Dropped{Messages: 1, Bytes: len("three")}, *dropped)

				_, stop = w.serveAt(addr, w.upgrading(&UpgradeServer{Spawn: server.props}))
				defer stop()
				_, u = h.back()
				assert.Equal(w, 1, u.Returns)
				for _, s := range []string{"subscribe 1", "one", "two"} {
					h.text(s)
				}
				tell("four")
				h.text("four")

				w.system.Root.Send(conn, frame.Close(frame.Normal, "bye"))
				assert.True(w, expect[*Closed](h).Clean)
				d = expect[*Disconnected](h)
				assert.True(w, d.Final)
				assert.NoError(w, d.Err)
			})
		}
	})
}

// Some answers are final, and some are not, unless the program says otherwise.
func TestReconnectFinal(t *testing.T) {
	everywhere(t, func(w *world) {
		for name, test := range map[string]struct {
			final bool
			serve http.HandlerFunc
		}{
			"401":      {true, func(rw http.ResponseWriter, r *http.Request) { http.Error(rw, "no", http.StatusUnauthorized) }},
			"403":      {true, func(rw http.ResponseWriter, r *http.Request) { http.Error(rw, "no", http.StatusForbidden) }},
			"404":      {false, http.NotFound},
			"503":      {false, func(rw http.ResponseWriter, r *http.Request) { http.Error(rw, "no", http.StatusServiceUnavailable) }},
			"302":      {false, func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "/", http.StatusFound) }},
			"vanishes": {false, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
			"1000":     {true, w.closing(frame.Normal)},
			"1001":     {false, w.closing(frame.GoingAway)},
			"1008":     {true, w.closing(frame.PolicyViolation)},
			"1011":     {false, w.closing(frame.InternalError)},
			"4401":     {false, w.closing(4401)},
		} {
			w.in(name, func(w *world) {
				addr, stop := w.serveAt("127.0.0.1:0", test.serve)
				defer stop()
				h := w.handler()
				losses := 0
				w.reconnecting(h, addr, &Reconnect{Backoff: fast, Final: func(d *Disconnected) bool {
					losses++
					return IsFinal(d) || losses == 3
				}})
				h.untilFinal()
				want := 3
				if test.final {
					want = 1
				}
				assert.Equal(w, want, losses)
			})
		}
	})
}

// closing is a server that closes each connection.
func (w *world) closing(code frame.Code) http.HandlerFunc {
	h := w.spawned(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*Upgraded); ok {
			ctx.Respond(frame.Close(code, "bye"))
		}
	})
	return w.upgrading(&UpgradeServer{Spawn: h.props}).ServeHTTP
}

func TestIsFinal(t *testing.T) {
	for name, test := range map[string]struct {
		d    Disconnected
		want bool
	}{
		"refused":             {Disconnected{Err: &net.OpError{Op: "dial", Err: io.EOF}}, false},
		"proxy's 407":         {Disconnected{Err: &dialError{"dial", "", &ProxyError{Status: 407}}}, true},
		"proxy's 502":         {Disconnected{Err: &dialError{"dial", "", &ProxyError{Status: 502}}}, false},
		"400":                 {Disconnected{Err: &dialError{"dial", "", &HandshakeError{Status: 400}}}, true},
		"429":                 {Disconnected{Err: &dialError{"dial", "", &HandshakeError{Status: 429}}}, false},
		"101 that is wrong":   {Disconnected{Err: &dialError{"dial", "", &HandshakeError{Status: 101}}}, false},
		"reset":               {Disconnected{Closed: &Closed{Code: frame.Abnormal, By: Nobody, Err: io.ErrUnexpectedEOF}}, false},
		"no account":          {Disconnected{Closed: pipeline.Crashed(errPanickedAtEnd)}, false},
		"ours":                {Disconnected{Closed: &Closed{Code: frame.Normal, By: Local, Clean: true}}, true},
		"ours, for it is old": {Disconnected{Closed: &Closed{Code: frame.ServiceRestart, By: Local, Clean: true}}, false},
		"ours, in error":      {Disconnected{Closed: &Closed{Code: frame.InternalError, By: Local, Err: frame.Failure(frame.InternalError, "no answer to ping")}}, false},
		"cut":                 {Disconnected{Closed: &Closed{Code: frame.Abnormal, By: Local, Err: ErrCut}}, false},
		"stopped":             {Disconnected{Closed: &Closed{Code: frame.GoingAway, By: Local, Err: ErrStopped}}, true},
		"no handler":          {Disconnected{Closed: &Closed{Code: frame.InternalError, By: Local, Err: ErrHandlerStopped}}, true},
		"handler panicked":    {Disconnected{Closed: &Closed{Code: frame.InternalError, By: Local, Err: ErrHandlerPanicked}}, false},
	} {
		assert.Equal(t, test.want, IsFinal(&test.d), name)
	}
}

// It can be ended at any moment, and leaves nothing: the last message is told exactly once.
func TestReconnectEndsAtAnyMoment(t *testing.T) {
	everywhere(t, func(w *world) {
		open := w.spawned()
		for name, test := range map[string]struct {
			serve   func(nc net.Conn) // nil: with a WebSocket
			backoff Backoff
			reached func(h *handler)
		}{
			"while it dials": {serve: func(nc net.Conn) { io.Copy(io.Discard, nc) }, reached: func(*handler) {}},
			"while it waits": {serve: func(nc net.Conn) { nc.Close() }, backoff: Backoff{Floor: time.Hour, Cap: time.Hour},
				reached: func(h *handler) { expect[*Disconnected](h) }},
			"while it is connected": {reached: func(h *handler) { h.upgraded() }},
			"at once":               {reached: func(*handler) {}},
		} {
			for how, end := range map[string]func(pid *actor.PID){
				"stopped":  func(pid *actor.PID) { w.system.Root.Stop(pid) },
				"poisoned": func(pid *actor.PID) { w.system.Root.Poison(pid) },
				"closed":   func(pid *actor.PID) { w.system.Root.Send(pid, frame.Close(frame.Normal, "")) },
				"cut":      func(pid *actor.PID) { w.system.Root.Send(pid, &Cut{}) },
				"left":     func(pid *actor.PID) { w.system.Root.Send(pid, &Leave{}) },
			} {
				w.in(name+", "+how, func(w *world) {
					var addr string
					if test.serve != nil {
						addr = w.accepting(test.serve)
					} else {
						a, stop := w.serveAt("127.0.0.1:0", w.upgrading(&UpgradeServer{Spawn: open.props}))
						defer stop()
						addr = a
					}
					h := w.spawned()
					pid := w.reconnecting(h, addr, &Reconnect{Backoff: test.backoff, Queue: 1})
					test.reached(h)
					end(pid)
					h.untilFinal()
				})
			}
		}
	})
}

// accepting is a server that does no more than to accept, until the test ends.
func (w *world) accepting(serve func(net.Conn)) (addr string) {
	l := w.listen()
	done := make(chan struct{})
	var open []net.Conn
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			open = append(open, nc)
			go serve(nc)
		}
	}()
	w.Cleanup(func() {
		l.Close()
		<-done
		for _, nc := range open {
			nc.Close()
		}
	})
	return l.Addr().String()
}

// Whatever a server does to its clients, they come back.
func TestReconnectAfterFaults(t *testing.T) {
	everywhere(t, func(w *world) {
		answer := func(rest string, then func(p *peer)) func(p *peer) {
			return func(p *peer) {
				if r, err := http.ReadRequest(p.in); err == nil {
					fmt.Fprintf(p, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n%s",
						AcceptKey(r.Header.Get("Sec-WebSocket-Key")), rest)
				}
				then(p)
			}
		}
		reset := func(p *peer) { p.tcp.SetLinger(0) }
		for name, talk := range map[string]func(p *peer){
			"closed":         func(p *peer) {},
			"reset":          reset,
			"half an answer": func(p *peer) { http.ReadRequest(p.in); io.WriteString(p, "HTTP/1.1 101 Swi") },
			"no HTTP":        func(p *peer) { io.WriteString(p, "SSH-2.0-x\r\n") },
			"a wrong hash": func(p *peer) {
				http.ReadRequest(p.in)
				io.WriteString(p, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
			},
			"reset when it stands": answer("", reset),
			"half a frame":         answer("\x81\x05he", func(*peer) {}),
			"a wrong frame":        answer("\x83\x00", func(p *peer) { p.in.ReadByte() }),
		} {
			w.in(name, func(w *world) {
				addr := w.accepting(func(nc net.Conn) {
					if w.tls {
						nc = tls.Server(nc, serverTLS())
					}
					p := w.peerOf(nc)
					talk(p)
					p.Close()
				})
				h := w.handler()
				losses := 0
				w.reconnecting(h, addr, &Reconnect{Backoff: fast, Final: func(*Disconnected) bool { losses++; return losses == 3 }})
				h.untilFinal()
			})
		}
	})
}

// Code of the program's that panics costs a connection, or this client, and no more.
func TestReconnectWithPanics(t *testing.T) {
	w := newWorld(t, bare)
	server := w.spawned()
	addr, stop := w.serveAt("127.0.0.1:0", w.upgrading(&UpgradeServer{Spawn: server.props}))
	defer stop()
	h := w.handler()
	losses := 0
	w.reconnecting(h, addr, &Reconnect{
		Backoff: fast,
		First:   func(*Upgraded) []any { panic("first") },
		Final: func(*Disconnected) bool {
			if losses++; losses == 3 {
				panic("final")
			}
			return false
		},
	})
	assert.ErrorContains(t, h.untilFinal().Err, "panic: final")
}

// A spawned handler that was restarted has forgotten its connection: it gets another. One that
// stops ends its client.
func TestReconnectAndItsHandler(t *testing.T) {
	w := newWorld(t, bare)
	server := w.spawned(func(ctx actor.Context) {
		if u, ok := ctx.Message().(*Upgraded); ok && u.Request.URL.Path == "/chat" {
			ctx.Respond(frame.Text("panic"))
		}
	})
	addr, stop := w.serveAt("127.0.0.1:0", w.upgrading(&UpgradeServer{Spawn: server.props}))
	defer stop()
	panicked := false
	h := w.spawned(func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok && f.String() == "panic" && !panicked {
			panicked = true
			panic("handler")
		}
	})
	pid := w.reconnecting(h, addr, &Reconnect{Backoff: fast})
	h.upgraded()
	h.text("panic")
	assert.ErrorIs(t, expect[*Closed](h).Err, ErrHandlerPanicked)
	assert.False(t, expect[*Disconnected](h).Final)
	_, u := h.back()
	assert.Equal(t, 1, u.Returns)
	w.system.Root.Stop(pid)
	h.untilFinal()

	mortal := w.handler()
	mortal.mortal = true
	w.reconnecting(mortal, addr, &Reconnect{Backoff: fast})
	mortal.upgraded()
	w.system.Root.Stop(mortal.pid)
}

// Stages that are replaced take nothing from what is known of the end; and a connection that
// is cut is followed by another.
func TestReconnectKeepsTheAccount(t *testing.T) {
	w := newWorld(t, bare)
	server := w.spawned(echo)
	addr, stop := w.serveAt("127.0.0.1:0", w.upgrading(&UpgradeServer{Spawn: server.props}))
	defer stop()
	h := w.handler()
	pid := w.reconnecting(h, addr, &Reconnect{Backoff: fast})
	for returns := range 3 {
		conn, u := h.back()
		assert.Equal(t, returns, u.Returns)
		for range 2 { // sent to the client, which hears of the connection after the handler has
			w.system.Root.Send(pid, &SetStages{Stages: []pipeline.Stage{pipeline.JSON[note]()}})
			w.system.Root.Send(pid, &note{"it stands"})
			assert.Equal(t, &note{"it stands"}, expect[*note](h))
		}
		w.system.Root.Send(conn, &Cut{})
		closed := expect[*Closed](h)
		assert.ErrorIs(t, closed.Err, ErrCut)
		assert.Same(t, closed, expect[*Disconnected](h).Closed)
	}
}

// What cannot wait is dropped and told, or refused; pieces of a message never change the
// connection in its middle.
func TestReconnectWhileAway(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	addr := w.accepting(func(nc net.Conn) { nc.Close() })
	pid := w.reconnecting(h, addr, &Reconnect{Backoff: Backoff{Floor: time.Hour}, Queue: 5})
	expect[*Disconnected](h)
	flushed, err := w.system.Root.RequestFuture(pid, &Flush{}, testTimeout).Result()
	require.NoError(t, err)
	assert.Error(t, flushed.(*Flushed).Err)
	for _, m := range []any{frame.Ping(nil), &Pause{}, &Resume{}, &SetOptions{}, frame.Fragment(frame.OpText, false, []byte("he")), frame.Fragment(frame.OpContinuation, true, []byte("llo")), frame.Text("waits")} {
		w.system.Root.Send(pid, m)
	}
	assert.Equal(t, Dropped{Messages: 1, Bytes: 2}, *expect[*Dropped](h))
	w.system.Root.Poison(pid)
	assert.Equal(t, Dropped{Messages: 2, Bytes: 8}, *expect[*Dropped](h))
	assert.ErrorIs(t, expect[*Disconnected](h).Err, ErrStopped)
}

func TestReconnectMistakes(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	for address, u := range map[string]*UpgradeClient{"http:": w.client(h), "ws://localhost:1": nil, "ws://localhost:2": {}} {
		_, err := ReconnectActor(w.system, address, u, nil)
		assert.ErrorContains(t, err, "sockets: dial "+address, address)
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "99999999": longestRetryAfter, "soon": 0, "-1": 0,
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): 0,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):  longestRetryAfter,
	} {
		assert.Equal(t, want, retryAfter(&dialError{"dial", "", &HandshakeError{Header: http.Header{"Retry-After": {value}}}}), value)
	}
	assert.Zero(t, retryAfter(io.EOF))
	d := (&Reconnect{Backoff: fast}).loss(new(retries), nil, &HandshakeError{Status: 503, Header: http.Header{"Retry-After": {"7"}}}, 0)
	assert.Greater(t, d.RetryIn, 7*time.Second)
}

func TestAwayQueue(t *testing.T) {
	for name, test := range map[string]struct {
		policy Reconnect
		in     []string
		out    []string
		lost   []Dropped
	}{
		"none":             {Reconnect{}, []string{"a", "bb", "c"}, nil, []Dropped{{Messages: 1, Bytes: 1}, {Messages: 2, Bytes: 3}}},
		"the newest":       {Reconnect{Queue: 2}, []string{"a", "bb", "c", "d"}, []string{"a", "bb"}, []Dropped{{Messages: 1, Bytes: 1}, {Messages: 1, Bytes: 1}}},
		"the oldest":       {Reconnect{Queue: 2, WhenFull: DropOldest}, []string{"a", "bb", "c", "d"}, []string{"c", "d"}, []Dropped{{Messages: 1, Bytes: 1}, {Messages: 1, Bytes: 2}}},
		"bytes":            {Reconnect{Queue: 9, QueueBytes: 3}, []string{"a", "bb", "c"}, []string{"a", "bb"}, []Dropped{{Messages: 1, Bytes: 1}}},
		"bytes, oldest":    {Reconnect{Queue: 9, QueueBytes: 3, WhenFull: DropOldest}, []string{"a", "b", "ccc"}, []string{"ccc"}, []Dropped{{Messages: 2, Bytes: 2}}},
		"larger than all":  {Reconnect{Queue: 9, QueueBytes: 3, WhenFull: DropOldest}, []string{"a", "bbbb"}, nil, []Dropped{{Messages: 2, Bytes: 5}}},
		"no limit of size": {Reconnect{Queue: 9, QueueBytes: -1}, []string{string(make([]byte, 2<<20))}, []string{string(make([]byte, 2<<20))}, nil},
	} {
		q := awayQueue[string]{policy: &test.policy, size: func(s string) int { return len(s) }}
		for range 2 { // it can be used again
			var lost []Dropped
			for _, s := range test.in {
				if d := q.add(s); d != nil {
					lost = append(lost, *d)
				}
			}
			out, d := q.empty()
			if d != nil {
				lost = append(lost, *d)
			}
			assert.ElementsMatch(t, test.out, out, name)
			assert.Equal(t, test.lost, lost, name)
		}
	}
	q := awayQueue[string]{policy: &Reconnect{Queue: 2}, size: func(s string) int { return len(s) }}
	q.add("a")
	q.add("bb")
	assert.Equal(t, &Dropped{Messages: 2, Bytes: 3}, q.abandon())
	assert.Nil(t, q.abandon())
}
