package sockets

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/actors/transport"
)

// actorMode has the listener asked, by an actor for each connection that lives as
// long as that speaks HTTP.
func (s *Server) actorMode() {
	rt := actors.RuntimeOf(s.System)
	s.Handler = http.HandlerFunc(s.ask)
	if s.ReadHeaderTimeout == 0 && s.ReadTimeout == 0 {
		s.ReadHeaderTimeout = 10 * time.Second
	}
	if s.IdleTimeout == 0 && s.ReadTimeout == 0 {
		s.IdleTimeout = defaultIdleTimeout
	}
	if s.MaxHeaderBytes == 0 {
		s.MaxHeaderBytes = MaxHeaderBytes
	}
	connState := s.ConnState
	s.ConnState = func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateIdle:
			c.SetWriteDeadline(time.Time{}) // the last answer's
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
			transport.SetNonblocking(c) // the program may have called Fd
		}
		pid := rt.Spawn()
		s.conns.Store(c, pid)
		return context.WithValue(ctx, connInfoKey{}, &connInfo{pid: pid, conn: c, upgraded: &s.upgraded, log: &s.log, system: s.System})
	}
}

// ask serves one request of actor mode.
func (s *Server) ask(w http.ResponseWriter, r *http.Request) {
	rt := actors.RuntimeOf(s.System)
	ex := &actors.Exchange{
		Request:  r,
		Writer:   w,
		Listener: s.Listener,
		Upgrade:  s.upgrade,
		Timeout:  or(s.AnswerTimeout, defaultAnswerTimeout),
		Stall:    or(s.AnswerStall, defaultAnswerStall),
		Log:      &s.log,
	}
	if p := infoOf(r.Context()); p != nil {
		ex.Conn = p.conn
	}
	if refusal := s.takeBody(w, r); refusal != nil {
		rt.Answer(ex, refusal)
		return
	}
	rt.Serve(connection(r, ex), ex)
}

// upgrade is what an answer of the listener's asks for.
func (s *Server) upgrade(answer any) actors.Upgrader {
	if u, ok := answer.(*UpgradeServer); ok && u != nil {
		return &upgrade{system: s.System, terms: u}
	}
	return nil
}

// MaxHeaderBytes, as an http.Server's MaxHeaderBytes, makes net/http refuse a
// header of more than 16 KiB with 431. The default in actor mode.
const MaxHeaderBytes = 16<<10 - headerExtra

// headerExtra is what net/http reads beyond MaxHeaderBytes.
const headerExtra = 4 << 10
