package sockets

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
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
// answers no other. Then ReadHeaderTimeout is 10 s and MaxHeaderBytes 16 KiB
// unless they are set.
//
// Upgraded connections are part of Shutdown and Close.
type Server struct {
	http.Server
	System        *actor.ActorSystem // required
	Listener      *actor.PID         // actor mode: who is asked
	AnswerTimeout time.Duration      // actor mode: for the Listener's answer, then 503; 0: 30 s, negative: none
	Drain         DrainOptions       // how Shutdown treats upgraded connections
	MaxConns      int                // upgraded connections at a time, one more gets 503; 0: any
	MaxConnsPerIP int                // likewise from one IPv4 address or IPv6 /64: a proxy has one; 0: any

	once  sync.Once
	room  room
	conns sync.Map // actor mode: net.Conn to *actor.PID, while they speak HTTP
}

// setup hooks the server into the embedded one, once.
func (s *Server) setup() {
	s.once.Do(func() {
		if s.System == nil {
			panic("sockets: Server.System is nil")
		}
		s.room.total, s.room.perIP = s.MaxConns, s.MaxConnsPerIP
		if s.Listener != nil {
			s.actorMode()
			return
		}
		s.dropIn()
	})
}

// dropIn has upgrades find the server: each brings its actor. That is said once for
// all connections, unless the program gives them contexts of its own.
func (s *Server) dropIn() {
	here := &place{room: &s.room}
	if connContext := s.ConnContext; connContext != nil {
		s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(connContext(ctx, c), placeKey{}, here)
		}
		return
	}
	base := s.BaseContext
	s.BaseContext = func(l net.Listener) context.Context {
		ctx := context.Background()
		if base != nil {
			ctx = base(l)
		}
		return context.WithValue(ctx, placeKey{}, here)
	}
}

// actorMode has the listener asked, by an actor for each connection that lives as
// long as that speaks HTTP.
func (s *Server) actorMode() {
	rt := actors.RuntimeOf(s.System)
	s.Handler = http.HandlerFunc(s.ask)
	if s.ReadHeaderTimeout == 0 && s.ReadTimeout == 0 {
		s.ReadHeaderTimeout = 10 * time.Second
	}
	if s.MaxHeaderBytes == 0 {
		s.MaxHeaderBytes = MaxHeaderBytes
	}
	connState := s.ConnState
	s.ConnState = func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateClosed:
			if pid, ok := s.conns.LoadAndDelete(c); ok {
				s.System.Root.Stop(pid.(*actor.PID))
			}
		case http.StateHijacked:
			if pid, ok := s.conns.LoadAndDelete(c); ok {
				rt.Hijacked(pid.(*actor.PID))
			}
		}
		if connState != nil {
			connState(c, state)
		}
	}
	connContext := s.ConnContext
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, c)
		}
		pid := rt.Spawn()
		s.conns.Store(c, pid)
		return context.WithValue(ctx, placeKey{}, &place{pid: pid, room: &s.room})
	}
}

// slop is what net/http reads beyond MaxHeaderBytes.
const slop = 4 << 10

// ask serves one request of actor mode.
func (s *Server) ask(w http.ResponseWriter, r *http.Request) {
	rt := actors.RuntimeOf(s.System)
	ex := &actors.Exchange{
		Request:  r,
		Writer:   w,
		Listener: s.Listener,
		Upgrade:  asUpgrade,
		Timeout:  or(s.AnswerTimeout, 30*time.Second),
	}
	rt.Serve(connection(r, ex), ex)
}

// Serve is http.Server's.
func (s *Server) Serve(l net.Listener) error {
	s.setup()
	defer actors.RuntimeOf(s.System).Hold()()
	return s.Server.Serve(s.patient(l))
}

// ServeTLS is http.Server's.
func (s *Server) ServeTLS(l net.Listener, certFile, keyFile string) error {
	s.setup()
	defer actors.RuntimeOf(s.System).Hold()()
	return s.Server.ServeTLS(actors.Listener{Listener: s.patient(l)}, certFile, keyFile)
}

// ListenAndServe is http.Server's.
func (s *Server) ListenAndServe() error {
	l, err := net.Listen("tcp", cmp.Or(s.Addr, ":http"))
	if err != nil {
		return err
	}
	return s.Serve(l)
}

// ListenAndServeTLS is http.Server's.
func (s *Server) ListenAndServeTLS(certFile, keyFile string) error {
	l, err := net.Listen("tcp", cmp.Or(s.Addr, ":https"))
	if err != nil {
		return err
	}
	defer l.Close()
	return s.ServeTLS(l, certFile, keyFile)
}

// Drain is the account of a shutdown.
type Drain struct {
	Asked int // upgraded connections that there were
	Cut   int // of those, had not ended when the context did
}

// Shutdown is http.Server's and closes upgraded connections with 1001 as well,
// in batches. Those that have not ended when ctx has are cut, each with its
// Closed; then the error is ctx's.
func (s *Server) Shutdown(ctx context.Context) error {
	_, err := s.ShutdownCount(ctx)
	return err
}

// ShutdownCount is Shutdown that tells how many connections there were.
func (s *Server) ShutdownCount(ctx context.Context) (Drain, error) {
	s.setup()
	stopped := make(chan error, 1)
	go func() { stopped <- s.Server.Shutdown(ctx) }()
	d, err := drain(ctx, s.System, &s.room.group, s.Drain)
	stop := <-stopped
	late, lateErr := drain(ctx, s.System, &s.room.group, s.Drain) // requests under way may have brought some
	return Drain{d.Asked + late.Asked, d.Cut + late.Cut}, errors.Join(stop, err, lateErr)
}

// Close is http.Server's and cuts upgraded connections as well.
func (s *Server) Close() error {
	s.setup()
	err := s.Server.Close()
	now, cancel := context.WithCancel(context.Background())
	cancel()
	drain(now, s.System, &s.room.group, s.Drain)
	return err
}

// Connections is the number of upgraded connections.
func (s *Server) Connections() int { return s.room.group.Len() }

// DrainOptions say how connections are asked to leave.
type DrainOptions struct {
	Code   frame.Code    // of the Close, see its Sendable; 0: 1001
	Reason string        // of the Close
	Batch  int           // connections asked at a time: 10,000
	Every  time.Duration // between batches: 2 s
}

func drain(ctx context.Context, system *actor.ActorSystem, g *actors.Group, o DrainOptions) (Drain, error) {
	leave := &pipeline.Leave{Code: o.Code, Reason: o.Reason}
	asked, cut := actors.RuntimeOf(system).Drain(ctx, g, leave, cmp.Or(o.Batch, 10_000), cmp.Or(o.Every, 2*time.Second))
	if cut > 0 {
		return Drain{asked, cut}, fmt.Errorf("sockets: shutdown: %d connections cut: %w", cut, ctx.Err())
	}
	return Drain{asked, cut}, nil
}

// MaxHeaderBytes, as an http.Server's MaxHeaderBytes, makes net/http refuse a
// header of more than 16 KiB with 431. The default in actor mode.
const MaxHeaderBytes = maxHeader - slop
