package sockets

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/actors/answering"
	"github.com/spindrift-go/spindrift/actors/transport"
)

// actorMode has the listener asked.
func (s *Server) actorMode() {
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
		if s.ListenerFor != nil && (state == http.StateClosed || state == http.StateHijacked) && isKey(c) {
			if l, ok := s.listeners.LoadAndDelete(c); ok {
				l.(*connListener).release()
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
		p := &connInfo{conn: c, upgraded: &s.upgraded, log: &s.log, system: s.System}
		if s.ListenerFor != nil && isKey(c) {
			p.listener = newConnListener(s.System)
			s.listeners.Store(c, p.listener)
		}
		return context.WithValue(ctx, connInfoKey{}, p)
	}
}

// ask serves one request of actor mode.
func (s *Server) ask(w http.ResponseWriter, r *http.Request) {
	rt := actors.RuntimeOf(s.System)
	r, refusal := s.takeBody(w, r)
	ex := &actors.Exchange{
		Answer:   answering.Answer{Request: r, Writer: w, Stall: or(s.AnswerStall, defaultAnswerStall)},
		Listener: s.Listener,
		Timeout:  or(s.AnswerTimeout, defaultAnswerTimeout),
		Log:      &s.log,
	}
	var own *connListener
	if p := infoOf(r.Context()); p != nil {
		ex.Conn, own = p.conn, p.listener
	}
	ex.Upgrade = func(answer any) actors.Upgrader { return s.upgrade(answer, own) }
	if refusal != nil {
		rt.Answer(ex, refusal)
		return
	}
	if s.ListenerFor != nil {
		if own == nil {
			s.log.Error("ListenerFor cannot tell connections from each other that Go cannot compare: have the net.Listener return pointers", "type", fmt.Sprintf("%T", ex.Conn))
			rt.Answer(ex, errNoListener.response(r))
			return
		}
		own.acquire()
		defer own.release()
		if ex.Listener = own.of(ex.Conn, r, s.ListenerFor); ex.Listener == nil {
			rt.Answer(ex, errNoListener.response(r))
			return
		}
	}
	rt.Serve(ex)
}

// upgrade is what an answer of the listener's asks for, who is own if it is of one connection.
func (s *Server) upgrade(answer any, own *connListener) actors.Upgrader {
	if u, ok := answer.(*UpgradeServer); ok && u != nil {
		return &upgrade{system: s.System, terms: u, listener: own}
	}
	return nil
}

// MaxHeaderBytes, as an http.Server's MaxHeaderBytes, makes net/http refuse a
// header of more than 16 KiB with 431. The default in actor mode.
const MaxHeaderBytes = 16<<10 - headerExtra

// headerExtra is what net/http reads beyond MaxHeaderBytes.
const headerExtra = 4 << 10
