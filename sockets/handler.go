package sockets

import (
	"context"
	"net/http"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/pipeline"
)

// Handler upgrades the requests of any http.Handler's route, under any server
// whose ResponseWriter can be hijacked: sockets.Server, http.Server, httptest.
// Use it by pointer, and do not change it after its first request.
type Handler struct {
	System       *actor.ActorSystem
	FrameHandler *actor.PID       // as in UpgradeServer
	Spawn        *actor.Props     // as in UpgradeServer
	Stages       []pipeline.Stage // as in UpgradeServer
	Options      *Options         // nil: the defaults
	Drain        DrainOptions     // how Shutdown treats the connections

	room room // of connections that came in by other servers than ours
}

// ServeHTTP upgrades r or refuses it. It returns when that is decided; the
// connection then lives on as an actor.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Context().Value(placeKey{}) == nil { // another server's: connections are members of our own room
		r = r.WithContext(context.WithValue(r.Context(), placeKey{}, &place{room: &h.room}))
	}
	Upgrade(h.System, w, r, &UpgradeServer{FrameHandler: h.FrameHandler, Spawn: h.Spawn, Stages: h.Stages, Options: h.Options})
}

// Upgrade turns the connection of r into a WebSocket on the terms of u, or
// answers with the refusal. It is what an http.Handler calls that decides for
// itself, request by request. It returns when that is done.
func Upgrade(system *actor.ActorSystem, w http.ResponseWriter, r *http.Request, u *UpgradeServer) {
	rt := actors.RuntimeOf(system)
	ex := &actors.Exchange{Request: r, Writer: w, Decided: &upgrade{terms: u}}
	rt.Serve(connection(r, ex), ex)
}

// connection is the actor of r's connection. Outside actor mode, or over HTTP/2,
// where a connection has many requests at once, it is nil: the exchange gets one of
// its own. So does every further request that a listener is asked, whose earlier
// answers nobody could otherwise tell from the one that is due.
func connection(r *http.Request, ex *actors.Exchange) *actor.PID {
	p, ok := r.Context().Value(placeKey{}).(*place)
	if !ok || p.pid == nil || p.asked || r.ProtoMajor >= 2 {
		return nil
	}
	p.asked = ex.Listener != nil
	return p.pid
}
