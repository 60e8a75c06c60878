package actors

import (
	"net/http"

	"github.com/asynkron/protoactor-go/actor"
)

// server is the side of a connection that speaks HTTP as a server.
type server struct {
	*conn
	exchange *Exchange  // the one before us
	listener *actor.PID // who is watched; nil: nobody
}

func (s *server) item(any) {} // nobody is there to take it

func (s *server) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *Exchange:
		s.exchange = m
		if m.Decided != nil {
			s.upgrade(m.Decided)
		} else {
			s.watch(m.Listener)
			s.tell(m.Listener, m.Request)
		}
	case *http.Response:
		s.answer(m)
	case *actor.DeadLetterResponse, *noListener:
		s.answer(plain(http.StatusServiceUnavailable, "no listener"))
	case *actor.Terminated: // in its turn: this has overtaken what the listener said last
		s.listener = nil
		s.ctx.Send(s.ctx.Self(), &noListener{})
	case *abandoned:
		if s.exchange == m.exchange {
			s.over()
		}
	case *hijacked:
		s.end()
	default:
		if ex := s.exchange; ex != nil && ex.Upgrade != nil {
			if u := ex.Upgrade(m); u != nil {
				s.upgrade(u)
			}
		}
	}
}

func (s *server) answer(r *http.Response) {
	ex := s.exchange
	if ex == nil {
		discard(r)
		return
	}
	ex.answer(r)
	s.over()
}

// over: the exchange is, and we wait for the next one if there can be one.
func (s *server) over() {
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
func (s *server) settle()          {}

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
func (rt *Runtime) Hijacked(conn *actor.PID) { rt.system.Root.Send(conn, &hijacked{}) }
