package sockets

import (
	"net/http"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/pipeline"
)

// Handler upgrades the requests of any http.Handler's route, under any server
// whose ResponseWriter can be hijacked: sockets.Server, http.Server, httptest.
// Use it by pointer, and do not change it after its first request.
//
// What middleware has put into the ResponseWriter's header goes into the 101.
type Handler struct {
	System *actor.ActorSystem // nil: that of the Server, or DefaultSystem under another server

	// New decides request by request: who is it, which handler gets the connection's
	// messages, what is added to the 101, or how the request is refused, by a *Refusal.
	// Another error is logged and answered with 500, and so is a panic. It is called
	// when the request is a valid handshake, and before origin, host, subprotocol and
	// caps are looked at.
	//
	// An UpgradeServer that it returns counts in place of the fields below, but for
	// Options, if it has none. With nil and no error the fields below count.
	//
	// It runs before ServeHTTP returns, so it is the place to look at everything that
	// middleware or a router lends to a request and takes back: path parameters that
	// live in a pooled routing context, for instance. Later they are somebody else's.
	// What it has found out goes into the handler that it returns, or into Value. The
	// request itself, its header, its URL and its PathValue are safe to keep.
	New func(r *http.Request) (*UpgradeServer, error)

	FrameHandler *actor.PID       // as in UpgradeServer
	Spawn        *actor.Props     // as in UpgradeServer
	Stages       []pipeline.Stage // as in UpgradeServer
	Header       http.Header      // as in UpgradeServer
	Options      *Options         // nil: the defaults
	Drain        DrainOptions     // how Shutdown treats the connections

	upgraded connSet // of connections that came in by other servers than ours
}

// ServeHTTP upgrades r or refuses it. It returns when that is decided; the
// connection then lives on as an actor. Over HTTP/2 without [ExtendedConnect], which a
// Server has, it returns when the connection has ended.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	stream, _ := serve(h.System, w, r, &serving{upgrade: upgrade{of: h, home: &h.upgraded}})
	stream.stay()
}

// terms is what New says, or the fields do, which go into own.
func (h *Handler) terms(r *http.Request, own *UpgradeServer) (*UpgradeServer, error) {
	if h.New != nil {
		u, err := h.New(r)
		if err != nil {
			return nil, err
		}
		if u != nil {
			if u.Options == nil && h.Options != nil {
				*own = *u
				own.Options = h.Options
				u = own
			}
			return u, nil
		}
	}
	*own = UpgradeServer{
		FrameHandler: h.FrameHandler,
		Spawn:        h.Spawn,
		Stages:       h.Stages,
		Header:       h.Header,
		Options:      h.Options,
	}
	return own, nil
}

// Upgrade turns the connection of r into a WebSocket on the terms of u, or
// answers with the refusal. It is what an http.Handler calls that decides for
// itself, request by request. It returns when that is done: nil if r was upgraded, and
// else why not, which is a *Refusal where the peer was told. A nil system is that of the
// Server which r came to, or DefaultSystem. Over HTTP/2 without [ExtendedConnect], which a
// Server has, it returns when the connection has ended.
func Upgrade(system *actor.ActorSystem, w http.ResponseWriter, r *http.Request, u *UpgradeServer) error {
	if u == nil {
		u = new(UpgradeServer) // which has no handler
	}
	stream, err := serve(system, w, r, &serving{upgrade: upgrade{terms: u}})
	stream.stay()
	return err
}

// serving is an upgrade and the exchange that it decides: one allocation, and nothing of it on
// the stack of a goroutine that may stay.
type serving struct {
	exchange actors.Exchange
	upgrade
}

// serve has r decided by s. It returns the stream that nobody else stays for, if there is one.
func serve(system *actor.ActorSystem, w http.ResponseWriter, r *http.Request, s *serving) (*connectStream, error) {
	if system == nil {
		system = systemFor(r)
	}
	s.system = system
	stays := s.findStream(w, r)
	s.exchange.Request, s.exchange.Writer, s.exchange.Upgrader, s.exchange.Log = r, w, &s.upgrade, logOf(r)
	s.exchange.Stays = s.byAccept
	actors.RuntimeOf(system).Serve(&s.exchange)
	if s.refused != nil {
		return nil, s.refused
	}
	return stays, nil
}
