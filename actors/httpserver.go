package actors

import (
	"fmt"
	"net/http"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// server is the side of a connection that speaks HTTP as a server.
type server struct {
	*conn
	exchange *Exchange  // the one before us
	touched  *Exchange  // whose listener has panicked, and was touched
	listener *actor.PID // who is watched; nil: nobody
}

func (s *server) item(item any) { s.wrong(item) }

func (s *server) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *Exchange:
		s.exchange = m
		if m.Decided != nil {
			s.upgrade(m.Decided)
		} else {
			s.watch(m.Listener)
			m.ask(s.tell)
		}
	case *http.Response:
		if m == nil {
			s.wrong(m)
			return
		}
		s.answer(m)
	case *actor.DeadLetterResponse, *noListener:
		s.answer(plain(http.StatusServiceUnavailable, "no listener"))
	case *actor.Terminated: // in its turn: this has overtaken what the listener said last
		s.listener = nil
		s.ctx.Send(s.ctx.Self(), &noListener{})
	case *abandoned:
		if s.exchange == m.exchange {
			s.exchangeOver()
		}
	case *hijacked:
		s.end()
	case *listenerPanicked:
		s.listenerPanicked(m)
	case *actor.Touched:
		if s.exchange != nil && s.touched == s.exchange {
			s.answer(plain(http.StatusInternalServerError, "listener failed"))
		}
	default:
		if ex := s.exchange; ex != nil && ex.Upgrade != nil {
			if u := ex.Upgrade(m); u != nil {
				s.upgrade(u)
				return
			}
		}
		s.wrong(m)
	}
}

// wrong refuses what is no answer to a request. Only the listener knows whom to answer,
// so it is the listener's mistake.
func (s *server) wrong(answer any) {
	ex := s.exchange
	if ex == nil {
		s.unknown(answer, s.ctx.Sender())
		return
	}
	ex.origin().say("listener's answer is neither an *http.Response nor an *UpgradeServer", "type", fmt.Sprintf("%T", answer))
	s.answer(plain(http.StatusInternalServerError, "invalid answer"))
}

func (s *server) answer(r *http.Response) {
	ex := s.exchange
	if ex == nil {
		discard(r)
		return
	}
	ex.answer(r)
	s.exchangeOver()
}

// exchangeOver ends the exchange: the connection waits for the next one if there can be one.
func (s *server) exchangeOver() {
	last := s.exchange.last
	s.exchange = nil
	if last {
		s.end()
	}
}

// watch is of one listener, or nobody, at a time.
func (s *server) watch(listener *actor.PID) {
	if s.listener != nil && !s.listener.Equal(listener) {
		s.ctx.Unwatch(s.listener)
	}
	if listener != nil && !listener.Equal(s.listener) {
		s.ctx.Watch(listener)
	}
	s.listener = listener
}

func (s *server) signalled(uint32) {}
func (s *server) burstEnded()      {}

func (s *server) stop() {
	s.watch(nil)
	if s.exchange != nil {
		s.exchange.answer(plain(http.StatusServiceUnavailable, "shutting down"))
		s.exchange = nil
	}
}

func (s *server) crashed(error) {
	if s.exchange != nil {
		s.exchange.answer(plain(http.StatusInternalServerError, upgradeFailed))
	}
	s.end()
}

// noListener tells a connection that whom it asked has stopped.
type noListener struct{}

// hijacked tells a connection that its socket has left net/http.
type hijacked struct{}

// Hijacked tells the connection actor conn that its socket was hijacked: unless
// that was its own doing, there is nothing left for it to do.
func (rt *Runtime) Hijacked(conn *actor.PID) { rt.root.Send(conn, &hijacked{}) }

// published is told all events of the actor system.
func (rt *Runtime) published(event any) {
	switch e := event.(type) {
	case *actor.SupervisorEvent:
		rt.panics.judged(e)
		rt.shared.panicked(e, time.Now())
	case *actor.DeadLetterEvent:
		// An answer that came when nobody waited any more: whoever writes into its body
		// would wait for ever.
		if r, ok := e.Message.(*http.Response); ok {
			discard(r)
		}
	}
}
