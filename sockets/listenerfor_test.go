package sockets

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// listeners are those of a server's connections. They write down what they are told, and stop
// themselves at the end.
type listeners struct {
	*world
	told chan any // by whichever listener
	pids chan *actor.PID
}

func (w *world) listenersFor(s *Server, do func(ctx actor.Context)) (*listeners, string) {
	ls := &listeners{w, make(chan any, 100), make(chan *actor.PID, 100)}
	s.Server, s.System, s.AnswerTimeout = quiet(nil), w.system, time.Hour
	s.ListenerFor = func(nc net.Conn) *actor.PID {
		if _, secure := nc.(*tls.Conn); !assert.Equal(w, w.tls, secure) {
			return nil
		}
		pid := w.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *ConnectionClosed:
				ls.told <- m
				ctx.Stop(ctx.Self())
			case *Connected, *http.Request, *Upgraded, *frame.Frame, *Closed:
				ls.told <- m
				do(ctx)
			}
		}))
		ls.pids <- pid
		return pid
	}
	return ls, w.run(s)
}

// hears is what a listener is told next, which must be a T.
func hears[T any](ls *listeners) (m T) {
	ls.Helper()
	select {
	case got := <-ls.told:
		require.IsType(ls, m, got)
		return got.(T)
	case <-time.After(testTimeout):
		require.FailNow(ls, "told nothing", "%T is missing", m)
	}
	return m
}

// ended: the oldest listener has nothing more to hear, and has gone.
func (ls *listeners) ended() {
	ls.Helper()
	hears[*ConnectionClosed](ls)
	gone(ls.world, <-ls.pids)
	assert.Empty(ls, ls.told)
}

// A listener hears of its connection, of all that it asks, of the WebSocket that it becomes,
// and at last of its end.
func TestListenerFor(t *testing.T) {
	everywhere(t, func(w *world) {
		ls, addr := w.listenersFor(&Server{}, func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *http.Request:
				if IsUpgrade(m) {
					ctx.Respond(w.terms(&UpgradeServer{FrameHandler: ctx.Self()}))
				} else {
					ctx.Respond(&http.Response{Body: body(m.URL.Path)})
				}
			case *frame.Frame:
				ctx.Respond(m)
			}
		})
		silent := w.dial(addr) // nobody is asked
		for _, upgraded := range []bool{false, true} {
			p := w.dial(addr)
			for i := range 3 {
				path := fmt.Sprint("/", i)
				p.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
				assert.Equal(w, path, p.answer("GET").body)
				if i == 0 {
					c := hears[*Connected](ls)
					assert.Equal(w, p.LocalAddr(), c.RemoteAddr)
					assert.Equal(w, p.RemoteAddr(), c.LocalAddr)
					assert.Equal(w, w.tls, c.TLS != nil && c.TLS.HandshakeComplete)
				}
				assert.Equal(w, path, hears[*http.Request](ls).URL.Path)
			}
			if upgraded {
				p.send(handshake(addr), masked(frame.Text("hello")))
				p.bytes(switched() + string(frame.Append(nil, frame.Text("hello"))))
				hears[*http.Request](ls)
				hears[*Upgraded](ls)
				hears[*frame.Frame](ls)
				assert.Empty(w, ls.told)
			}
			p.Close()
			if upgraded {
				assert.Equal(w, frame.Abnormal, hears[*Closed](ls).Code)
			}
			ls.ended()
		}
		silent.Close()
	})
}

// The WebSocket of another handler ends before the listener hears of the connection's end. One
// that a cap refuses is an answered request.
func TestListenerForWithAnotherHandler(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	ls, addr := w.listenersFor(&Server{MaxConnsPerIP: 1}, func(ctx actor.Context) {
		if _, ok := ctx.Message().(*http.Request); ok {
			ctx.Respond(w.terms(&UpgradeServer{FrameHandler: h.pid}))
		}
	})
	p := w.dial(addr)
	p.send(handshake(addr))
	p.bytes(switched())
	h.upgraded()
	first := <-ls.pids
	hears[*Connected](ls)
	hears[*http.Request](ls)
	full := w.dial(addr)
	full.send(handshake(addr))
	assert.Equal(t, 503, full.answer("GET").StatusCode)
	full.eof()
	hears[*Connected](ls)
	hears[*http.Request](ls)
	ls.ended()
	p.Close()
	h.untilClosed()
	hears[*ConnectionClosed](ls)
	gone(w, first)
}

// A listener that is gone, or never was, keeps nobody waiting: its connections are told at once,
// and get another one when they come again.
func TestListenerForThatFails(t *testing.T) {
	get := func(path string) string { return "GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n" }
	sampled(t, func(w *world) {
		ls, addr := w.listenersFor(&Server{}, func(ctx actor.Context) {
			if r, ok := ctx.Message().(*http.Request); ok {
				switch r.URL.Path {
				case "/stop":
					ctx.Stop(ctx.Self())
				case "/stop-after":
					ctx.Respond(&http.Response{Body: body("last")})
					ctx.Stop(ctx.Self())
				case "/panic":
					panic("on purpose")
				default:
					ctx.Respond(&http.Response{Body: body("well")})
				}
			}
		})
		for path, status := range map[string]int{"/stop": 503, "/panic": 500} {
			p := w.dial(addr)
			p.send(get(path))
			a := p.answer("GET")
			assert.Equal(w, status, a.StatusCode)
			assert.True(w, a.Close)
			p.eof()
		}
		p := w.dial(addr)
		p.send(get("/stop-after"))
		assert.Equal(w, "last", p.answer("GET").body)
		p.send(get("/"))
		a := p.answer("GET")
		assert.Equal(w, 503, a.StatusCode)
		assert.Equal(w, "no listener\n", a.body)
		p.eof()
		p = w.dial(addr)
		p.send(get("/"))
		assert.Equal(w, "well", p.answer("GET").body)
		p.Close()
		for range 4 {
			gone(w, <-ls.pids)
		}
	})
	w := newWorld(t, bare)
	addr := w.run(&Server{Server: quiet(nil), System: w.system, ListenerFor: func(net.Conn) *actor.PID { return nil }})
	p := w.dial(addr)
	p.send(get("/"))
	a := p.answer("GET")
	assert.Equal(t, 503, a.StatusCode)
	assert.Equal(t, "no listener for this connection\n", a.body)
	p.eof()
}

// A client that leaves while its listener thinks, and a server that is closed, are ends as well.
func TestListenerForAtTheEnd(t *testing.T) {
	w := newWorld(t, bare)
	s := &Server{}
	ls, addr := w.listenersFor(s, func(ctx actor.Context) {
		if r, ok := ctx.Message().(*http.Request); ok && IsUpgrade(r) {
			ctx.Respond(w.terms(&UpgradeServer{FrameHandler: ctx.Self()}))
		} // else it is never answered
	})
	waits := w.dial(addr)
	waits.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	hears[*Connected](ls)
	hears[*http.Request](ls)
	waits.reset()
	ls.ended()
	upgraded := w.dial(addr)
	upgraded.send(handshake(addr))
	upgraded.bytes(switched())
	hears[*Connected](ls)
	hears[*http.Request](ls)
	hears[*Upgraded](ls)
	require.NoError(t, s.Close())
	hears[*Closed](ls)
	ls.ended()
}

// Who is asked must be clear.
func TestListenerForMisuse(t *testing.T) {
	w := newWorld(t, bare)
	pid := w.handler().pid
	for _, s := range []*Server{
		{Listener: pid, System: w.system},
		{Server: http.Server{Handler: http.NotFoundHandler()}, System: w.system},
		{Listener: pid, Server: http.Server{Handler: http.NotFoundHandler()}, System: w.system},
	} {
		s.ListenerFor = func(net.Conn) *actor.PID { return pid }
		l := w.listen()
		assert.EqualError(t, s.Serve(l), "sockets: Server has a ListenerFor besides a Listener or a Handler: set one of them")
		l.Close()
	}
}
