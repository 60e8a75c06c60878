package sockets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// logged is a log that a test reads while servers write it.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// routing is what routers keep of a request, in a pool: chi's Context, for one.
type routing struct{ params map[string]string }

type routingKey struct{}

// pooling is a router that puts the last part of the path into a pooled routing context, and takes that
// back when its handler has returned.
func pooling(next http.Handler) http.Handler {
	one := new(routing) // a pool that gives it to the next request
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		one.params = map[string]string{"tenant": r.URL.Path[1:]}
		lent := r.WithContext(context.WithValue(r.Context(), routingKey{}, one))
		lent.SetPathValue("tenant", r.URL.Path[1:])
		next.ServeHTTP(w, lent)
		one.params = nil
	})
}

func param(r *http.Request) string {
	return r.Context().Value(routingKey{}).(*routing).params["tenant"]
}

// What a router lends to a request is looked at by New, before it is taken back.
func TestNewSeesWhatARouterPools(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		addr := w.dropIn(pooling(&Handler{System: w.system, New: func(r *http.Request) (*UpgradeServer, error) {
			return w.terms(&UpgradeServer{FrameHandler: h.pid, Value: param(r)}), nil
		}}))
		for i := range 20 {
			p := w.dial(addr)
			path := fmt.Sprint("/tenant-", i)
			p.send(string(bytes.Replace([]byte(handshake(addr)), []byte("/chat"), []byte(path), 1)))
			p.bytes(switched())
			_, up := h.upgraded()
			assert.Equal(w, path[1:], up.Value)
			assert.Equal(w, path, up.Request.URL.Path)
			p.Close()
			expect[*Closed](h)
		}
	})
}

// A session runs when the router has taken that back: it has the request's PathValue, and what a handler around it has
// looked at.
func TestSessionUnderARouterThatPools(t *testing.T) {
	everywhere(t, func(w *world) {
		options := w.terms(&UpgradeServer{}).Options
		addr := w.dropIn(pooling(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			tenant := param(r)
			session := Session(func(ctx context.Context, c *Conn) error {
				if _, err := c.Receive(ctx); err != nil {
					return err
				}
				return c.SendText(ctx, tenant+" "+c.Request().PathValue("tenant"))
			})
			session.Options = options
			session.ServeHTTP(rw, r)
		})))
		conns := make([]*Conn, 10)
		for i := range conns {
			c, err := Dial(w.within(), fmt.Sprint(w.url(addr), "/", i), &DialOptions{System: w.system, Options: options, Dialer: Dialer{TLS: clientTLS()}})
			require.NoError(w, err)
			conns[i] = c
		}
		for i, c := range conns {
			require.NoError(w, c.SendText(w.within(), "who am I?"))
			answer, err := c.ReceiveText(w.within())
			require.NoError(w, err)
			assert.Equal(w, fmt.Sprintf("chat/%d chat/%d", i, i), answer)
			c.Close(frame.Normal, "")
		}
	})
}

type userKey struct{}

// The context of Upgraded.Request has the request's values, is not cancelled when
// ServeHTTP returns, and ends with the connection: for contexts made of it as well.
func TestContextOfTheConnection(t *testing.T) {
	everywhere(t, func(w *world) {
		for _, when := range []string{"asked before the end", "asked after it"} {
			h := w.handler()
			over := make(chan struct{})
			upgrading := w.upgrading(&UpgradeServer{FrameHandler: h.pid})
			addr := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancelCause(context.WithValue(r.Context(), userKey{}, "alice"))
				upgrading.ServeHTTP(rw, r.WithContext(ctx))
				cancel(errors.New("the middleware's"))
				close(over)
			}))
			p := w.upgrade(addr)
			_, up := h.upgraded()
			<-over
			ctx := up.Request.Context()
			assert.NoError(w, ctx.Err())
			assert.NoError(w, context.Cause(ctx))
			assert.Equal(w, "alice", ctx.Value(userKey{}))
			if when == "asked before the end" {
				child, cancel := context.WithCancel(ctx)
				defer cancel()
				after := make(chan struct{})
				context.AfterFunc(ctx, func() { close(after) })
				assert.NoError(w, child.Err())
				p.Close()
				await(w, ctx.Done())
				await(w, child.Done())
				await(w, after)
			} else {
				p.Close()
			}
			expect[*Closed](h)
			require.True(w, until(func() bool { return ctx.Err() != nil }), "the context goes on")
			await(w, ctx.Done())
			assert.Equal(w, context.Canceled, ctx.Err())
			assert.Equal(w, context.Canceled, context.Cause(ctx))
			assert.Equal(w, "alice", ctx.Value(userKey{}))
		}
	})
}

func await(w *world, done <-chan struct{}) {
	w.Helper()
	require.True(w, until(func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	}), "it does not end")
}

// New decides who comes in, and how the others are refused; its mistakes are the
// program's to hear of and nobody else's.
func TestNew(t *testing.T) {
	w := newWorld(t, bare)
	h, other := w.handler(), w.handler()
	said := new(logged)
	refusing := &Handler{
		System:       w.system,
		FrameHandler: other.pid,
		Options:      &Options{Subprotocols: []string{"chat"}},
		New: func(r *http.Request) (*UpgradeServer, error) {
			switch r.Header.Get("X-User") {
			case "alice":
				return &UpgradeServer{FrameHandler: h.pid, Header: http.Header{"X-Hello": {"alice"}}}, nil
			case "anybody":
				return nil, nil
			case "mallory":
				return nil, &Refusal{Status: 401, Reason: "who are\r\nyou?", Header: http.Header{"Www-Authenticate": {"Basic"}}}
			case "trudy":
				return nil, &Refusal{Reason: "no"}
			case "eve":
				return nil, errors.New("secret of the database")
			case "odd":
				return nil, &Refusal{Status: 99}
			case "both":
				return &UpgradeServer{FrameHandler: h.pid, Spawn: h.props}, nil
			case "nobody":
				return &UpgradeServer{}, nil
			}
			panic("who is that?")
		},
	}
	s := &Server{Server: quiet(refusing), System: w.system}
	s.ErrorLog = log.New(said, "", 0)
	addr := w.run(s)
	for _, tt := range []struct {
		user   string
		status int
		body   string
		said   string
	}{
		{"mallory", 401, "who are  you?\n", ""},
		{"trudy", 403, "no\n", ""},
		{"eve", 500, "upgrade failed\n", "secret of the database"},
		{"odd", 500, "upgrade failed\n", "a refusal with status 99: it must be 300 to 599"},
		{"both", 500, "upgrade failed\n", "FrameHandler and Spawn are both set"},
		{"nobody", 500, "upgrade failed\n", "neither FrameHandler nor Spawn is set"},
		{"", 500, "upgrade failed\n", "who is that?"},
	} {
		before := len(said.String())
		p := w.dial(addr)
		p.send(handshake(addr, "X-User: "+tt.user))
		a := p.answer("GET")
		assert.Equal(t, tt.status, a.StatusCode, tt.user)
		assert.Equal(t, tt.body, a.body, tt.user)
		assert.True(t, a.Close)
		if tt.user == "mallory" {
			assert.Equal(t, "Basic", a.Header.Get("WWW-Authenticate"))
		}
		assert.Contains(t, said.String()[before:], tt.said, tt.user)
		assert.Equal(t, tt.said == "", len(said.String()) == before, tt.user)
		p.eof()
	}
	for user, heard := range map[string]*handler{"alice": h, "anybody": other} {
		p := w.dial(addr)
		p.send(handshake(addr, "X-User: "+user, "Sec-WebSocket-Protocol: chat"))
		a := p.answer("GET")
		require.Equal(t, 101, a.StatusCode)
		assert.Equal(t, user == "alice", a.Header.Get("X-Hello") == "alice")
		_, up := heard.upgraded()
		assert.Equal(t, "chat", up.Subprotocol, "the Options are the Handler's")
		p.Close()
		expect[*Closed](heard)
	}
}

// What middleware has put into the header goes into the 101, like what Handler adds; but
// nothing that would change what the 101 says.
func TestHeadersOfMiddleware(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		terms := w.terms(&UpgradeServer{})
		upgrading := &Handler{
			System:       w.system,
			FrameHandler: h.pid,
			Header:       http.Header{"X-Served-By": {"handler"}, "set-cookie": {"c=3"}},
			Options:      terms.Options,
		}
		addr := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			http.SetCookie(rw, &http.Cookie{Name: "a", Value: "1"})
			http.SetCookie(rw, &http.Cookie{Name: "b", Value: "2"})
			rw.Header().Set("X-Request-Id", "7\r\nInjected: 1")
			rw.Header().Set("Content-Type", "text/html")
			rw.Header().Set("Content-Length", "7")
			rw.Header().Set("Connection", "close")
			rw.Header().Set("Sec-WebSocket-Protocol", "mine")
			upgrading.ServeHTTP(rw, r)
		}))
		p := w.dial(addr)
		p.send(handshake(addr))
		a := p.answer("GET")
		require.Equal(w, 101, a.StatusCode)
		assert.Equal(w, []string{"a=1", "b=2", "c=3"}, a.Header.Values("Set-Cookie"))
		assert.Equal(w, http.Header{
			"Set-Cookie":           a.Header.Values("Set-Cookie"),
			"X-Request-Id":         {"7  Injected: 1"},
			"X-Served-By":          {"handler"},
			"Upgrade":              {"websocket"},
			"Connection":           {"Upgrade"},
			"Sec-Websocket-Accept": {sampleAccept},
		}, a.Header)
		h.upgraded()
		p.Close()
		expect[*Closed](h)
	})
}

// A handler of another actor system, here or on another node, is refused: it would be
// taken for an actor of ours that has the same name, or hear nothing.
func TestHandlerOfAnotherSystem(t *testing.T) {
	w := newWorld(t, bare)
	ours, theirs := NewSystem(), NewSystem()
	defer ours.Shutdown()
	defer theirs.Shutdown()
	mute := actor.PropsFromFunc(func(actor.Context) {})
	said := new(logged)
	for name, pid := range map[string]*actor.PID{
		"another local system":  theirs.Root.Spawn(mute),
		"a system not of ours":  w.system.Root.Spawn(mute),
		"another node":          actor.NewPID("10.0.0.1:8090", "room"),
		"another node's, of us": actor.NewPID("10.0.0.1:8090", ours.Root.Spawn(mute).Id),
	} {
		rec := httptest.NewRecorder()
		r := w.request()
		r = r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, &http.Server{ErrorLog: log.New(said, "", 0)}))
		err := Upgrade(ours, rec, r, &UpgradeServer{FrameHandler: pid})
		assert.ErrorContains(t, err, "is an actor of another node or another actor system", name)
		assert.Equal(t, 500, rec.Code, name)
		assert.Contains(t, said.String(), pid.Address+"/"+pid.Id, name)
		if pid.Address == "nonhost" {
			w.system.Root.StopFuture(pid).Wait()
		}
	}
	_, err := DialActor(t.Context(), ours, "ws://127.0.0.1:1", &UpgradeClient{FrameHandler: actor.NewPID("10.0.0.1:8090", "room")})
	assert.ErrorContains(t, err, "is an actor of another node or another actor system", "a client's, before it dials")
	local := w.system.NewLocalPID("anybody")
	pid, err := reach(w.system, local, usual(), nil)
	assert.NoError(t, err)
	assert.Same(t, local, pid)
}

// A system that is given an address in a network knows its actors from before.
func TestAddressOfASystem(t *testing.T) {
	system := NewSystem()
	defer system.Shutdown()
	got := make(chan any, 1)
	pid := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(string); ok {
			got <- ctx.Message()
		}
	}))
	assert.True(t, isLocal(system, pid))
	system.ProcessRegistry.Address = "127.0.0.1:9999" // as remote.Start does
	assert.True(t, isLocal(system, pid))
	system.Root.Send(actor.NewPID(pid.Address, pid.Id), "hello")
	assert.Equal(t, "hello", <-got)
	assert.True(t, isLocal(system, system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))))
}

// Without a system there is one for the process, which servers and clients share.
func TestDefaultSystem(t *testing.T) {
	require.Same(t, DefaultSystem(), DefaultSystem())
	closed := make(chan *Closed, 2)
	chat := func(first string) *actor.Props {
		return actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *Upgraded:
				if first != "" {
					ctx.Respond(frame.Text(first))
				}
			case *frame.Frame:
				ctx.Respond(frame.Close(frame.Normal, m.String()))
			case *Closed:
				closed <- m
			}
		})
	}
	s := &Server{Server: http.Server{Handler: &Handler{Spawn: chat("")}}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go s.Serve(l)
	defer s.Close()
	_, err = DialActor(t.Context(), nil, "ws://"+l.Addr().String(), &UpgradeClient{Spawn: chat("hi")})
	require.NoError(t, err)
	assert.Equal(t, "hi", (<-closed).Reason)
	assert.Equal(t, "hi", (<-closed).Reason)
	require.NoError(t, s.Shutdown(t.Context()))
}
