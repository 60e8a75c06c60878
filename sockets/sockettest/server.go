package sockettest

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/sockets"
)

// Connect opens a WebSocket to a handler, as a client, and returns its end of it. target is a path
// with its query, or a URL for another host than example.com. The test fails if the handler refuses.
//
// The handler is served by a sockets.Server with an actor system of its own, until the test ends.
// For several connections to one handler that are to know of each other, use NewServer.
func Connect(t testing.TB, h http.Handler, target string, options ...Option) *Probe {
	t.Helper()
	return NewServer(t, h).Connect(target, options...)
}

// Refused asks a handler to upgrade a request as Connect does, fails the test if it does so, and
// returns how it was refused, with the body in memory.
func Refused(t testing.TB, h http.Handler, target string, options ...Option) *http.Response {
	t.Helper()
	return NewServer(t, h).Refused(target, options...)
}

// Server serves connections in memory until its test ends. It is that test which its probes fail: a fuzz target has its
// own, and calls the function Connect.
type Server struct {
	// System is the actor system of the handlers that name none. It is nil if the server was
	// given to Serve.
	System *actor.ActorSystem

	t       testing.TB
	l       *listener
	refused bool // some request
}

// NewServer serves h by a sockets.Server with an actor system of its own. What it logs is logged by
// the test.
func NewServer(t testing.TB, h http.Handler) *Server {
	t.Helper()
	lines := &testLog{t: t}
	t.Cleanup(lines.stop)
	system := sockets.NewSystem()
	s := Serve(t, &sockets.Server{System: system, Server: http.Server{Handler: h, ErrorLog: log.New(lines, "", 0)}})
	s.System = system
	return s
}

// Serve serves by a server of the program's own: a sockets.Server, with a Listener or a Handler, or
// an http.Server. It is shut down when the test ends, and the test fails if that takes too long.
func Serve(t testing.TB, server interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
}) *Server {
	t.Helper()
	if v := reflect.ValueOf(server); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		t.Fatal("sockettest: Serve of a nil server")
	}
	s := &Server{t: t, l: newListener()}
	served := make(chan struct{})
	go func() {
		defer close(served)
		err := server.Serve(s.l)
		s.l.stop(err)
	}()
	t.Cleanup(func() {
		if c, ok := server.(io.Closer); ok && s.refused && !inBubble() {
			c.Close() // net/http keeps a connection that it has refused for half a second
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience())
		defer cancel()
		if err := server.Shutdown(ctx); err != nil && !t.Failed() {
			t.Errorf("sockettest: the server has not shut down: %v", err)
		}
		s.l.Close()
		<-served
	})
	return s
}

// must returns s, which is a server.
func (s *Server) must() *Server {
	if s == nil || s.t == nil {
		panic("sockettest: no server: a Server comes from NewServer or Serve")
	}
	return s
}

// Connect is the function Connect for this server.
func (s *Server) Connect(target string, options ...Option) *Probe {
	s.must().t.Helper()
	return connect(s.t, s.l, target, options)
}

// Refused is the function Refused for this server.
func (s *Server) Refused(target string, options ...Option) *http.Response {
	s.must().t.Helper()
	s.refused = true
	return refused(s.t, s.l, target, options)
}

// DialContext connects to the server whatever the address, for http.Transport and other clients.
func (s *Server) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return dialed(s.must().l.dial(ctx))
}

// Dialer connects a client of package sockets to the server.
func (s *Server) Dialer() sockets.Dialer {
	return sockets.Dialer{NetDial: s.must().DialContext, Proxy: sockets.NoProxy}
}

func dialed(c *conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// testLog writes lines to a test's log, while there is one.
type testLog struct {
	mu   sync.Mutex
	t    testing.TB
	over bool
}

func (l *testLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.over {
		l.t.Log(strings.TrimSuffix(string(line), "\n"))
	}
	return len(line), nil
}

func (l *testLog) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}
