package sockets

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/internal/errorlog"
)

// Server is an http.Server whose connections are actors. There are two ways to
// use it.
//
// Drop-in: set Handler, and it behaves as the http.Server it embeds; routes that
// are a *sockets.Handler, or call Upgrade, make WebSockets.
//
// Actor mode: set Listener, and that actor gets every request as an
// *http.Request message and responds with an *http.Response or an
// *UpgradeServer. Each request has a sender of its own: a second answer to one
// answers no other. A router's PID will do, for several listeners. If
// the Listener panics, the request at which it did is answered with 500; of one that is
// not on the Dispatcher, so are those that it had begun and not answered. Unless they are
// set, ReadHeaderTimeout is then 10 s, IdleTimeout 60 s and MaxHeaderBytes 16 KiB.
// WriteTimeout stays 0: it would end an event stream; AnswerStall takes its place.
//
// With ListenerFor in place of Listener, each connection has a listener of its own, which may
// keep what it knows of its client from request to request. It is told [Connected] first and
// [ConnectionClosed] last, and then stops itself: the Server stops nobody. When it stops before
// that, its requests, and those that still come by its connection, are answered with 503, and
// over HTTP/1 that is the last answer. One that was restarted is not told Connected again.
//
// Upgraded connections are part of Shutdown and Close.
//
// Where the program imports package sockets/http2, WebSockets over HTTP/2 are served too, see
// [ExtendedConnect]. HTTP2.MaxReceiveBufferPerStream is then 64 KiB and HTTP2.WriteByteTimeout
// 30 s, unless they are set.
type Server struct {
	http.Server
	System        *actor.ActorSystem        // nil: DefaultSystem
	Options       *Options                  // of all its WebSockets, where those of a route leave a field at its zero value; nil: the defaults
	Listener      *actor.PID                // actor mode: who is asked
	ListenerFor   func(net.Conn) *actor.PID // actor mode: or who is, by one connection. Called in its own goroutine when its first request is there, of which nil refuses all, with 503. The net.Conn, under TLS a *tls.Conn, is to be looked at only
	AnswerTimeout time.Duration             // actor mode: for the Listener's answer, then 503; 0: 30 s, negative: none
	MaxBody       int64                     // actor mode: bytes of a request's body, which is read before the Listener is asked; over it: 413. 0: 1 MiB; negative: the Listener reads the body as it comes
	BodyTimeout   time.Duration             // actor mode: for all of a request's body, then 408, or an error to a Listener that reads it; 0: 30 s, or ReadTimeout's affair if that is set; negative: none
	AnswerStall   time.Duration             // actor mode: in which the client takes nothing of an answer, then the connection is closed; 0: 10 s, negative: none. However long all of it takes
	Drain         DrainOptions              // how Shutdown treats upgraded connections
	MaxConns      int                       // upgraded connections at a time, one more gets 503; 0: any
	MaxConnsPerIP int                       // likewise from one IPv4 address or IPv6 /64: a proxy has one; 0: any
	Observers     []*Observer               // are told what becomes of all WebSockets that come in here, besides those of Options; see Observer

	once      sync.Once
	misuse    error       // what Serve returns
	stopped   atomic.Bool // by Shutdown or Close
	log       errorlog.Log
	upgraded  connSet
	listeners sync.Map // net.Conn to *connListener, while it speaks HTTP: with ListenerFor
}

// setup hooks the server into the embedded one, once.
func (s *Server) setup() {
	s.once.Do(func() {
		s.System = orDefaultSystem(s.System)
		s.log.Logger = s.ErrorLog
		s.upgraded.total, s.upgraded.perIP = s.MaxConns, s.MaxConnsPerIP
		s.upgraded.options, s.upgraded.observers = s.Options, s.Observers
		if s.misuse = s.twoWays(); s.misuse != nil {
			return
		}
		if base := s.BaseContext; base != nil { // it is given the program's own listener
			s.BaseContext = func(l net.Listener) context.Context {
				if p, ok := l.(*retryListener); ok {
					l = p.Listener
				}
				return base(l)
			}
		}
		here := &connInfo{upgraded: &s.upgraded, log: &s.log, system: s.System}
		if s.Listener != nil || s.ListenerFor != nil {
			s.actorMode()
		} else {
			s.dropIn(here)
		}
		if connectOffered {
			s.offerConnect(here)
		}
	})
}

// twoWays says that more than one is asked about requests.
func (s *Server) twoWays() error {
	switch {
	case s.ListenerFor != nil && (s.Listener != nil || s.Handler != nil):
		return errors.New("sockets: Server has a ListenerFor besides a Listener or a Handler: set one of them")
	case s.Listener != nil && s.Handler != nil:
		return errors.New("sockets: Server has a Listener and a Handler: set one of them")
	}
	return nil
}

// dropIn has upgrades find the server: each brings its actor. That is said once for
// all connections, unless the program gives them contexts of its own.
func (s *Server) dropIn(here *connInfo) {
	connState := s.ConnState
	s.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateHijacked {
			strays.hijacked(c, &s.upgraded)
		}
		if connState != nil {
			connState(c, state)
		}
	}
	if connContext := s.ConnContext; connContext != nil {
		s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			ctx = connContext(ctx, c)
			transport.SetNonblocking(c) // the program may have called Fd
			return context.WithValue(ctx, connInfoKey{}, here)
		}
		return
	}
	base := s.BaseContext
	s.BaseContext = func(l net.Listener) context.Context {
		ctx := context.Background()
		if base != nil {
			ctx = base(l)
		}
		return context.WithValue(ctx, connInfoKey{}, here)
	}
}

// Serve is http.Server's. It may be called several times for one listener, to have as many goroutines accept.
func (s *Server) Serve(l net.Listener) error {
	if s.setup(); s.misuse != nil {
		return s.misuse
	}
	defer actors.RuntimeOf(s.System).Keep()()
	return s.Server.Serve(s.retrying(l))
}

// ServeTLS is http.Server's.
func (s *Server) ServeTLS(l net.Listener, certFile, keyFile string) error {
	if s.setup(); s.misuse != nil {
		return s.misuse
	}
	defer actors.RuntimeOf(s.System).Keep()()
	return s.Server.ServeTLS(s.retrying(l), certFile, keyFile)
}

// ListenAndServe is http.Server's.
func (s *Server) ListenAndServe() error {
	if s.stopped.Load() {
		return http.ErrServerClosed
	}
	l, err := net.Listen("tcp", cmp.Or(s.Addr, ":http"))
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// ListenAndServeTLS is http.Server's.
func (s *Server) ListenAndServeTLS(certFile, keyFile string) error {
	if s.stopped.Load() {
		return http.ErrServerClosed
	}
	l, err := net.Listen("tcp", cmp.Or(s.Addr, ":https"))
	if err != nil {
		return err
	}
	defer l.Close()
	return s.ServeTLS(l, certFile, keyFile)
}
