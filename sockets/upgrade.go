package sockets

import (
	"net/http"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/pipeline"
)

// UpgradeServer is the answer of a listener actor to an *http.Request that turns
// the connection into a WebSocket, if the request is a valid handshake; if not,
// the connection answers with the refusal that RFC 6455 asks for.
type UpgradeServer struct {
	FrameHandler *actor.PID       // gets the connection's messages; or
	Spawn        *actor.Props     // the handler to start for this connection, which ends with it; its mailbox is replaced by the crew's
	Stages       []pipeline.Stage // extra ones, from handler to wire, below AutoPong and AutoPing
	Header       http.Header      // added to the 101
	Options      *Options         // nil: the defaults
}

// upgrade decides one request, in three steps: judge and negotiate here, greet in
// opening.
type upgrade struct {
	terms *UpgradeServer
}

// asUpgrade is what a listener's answer asks for.
func asUpgrade(answer any) actors.Upgrader {
	if u, ok := answer.(*UpgradeServer); ok {
		return &upgrade{terms: u}
	}
	return nil
}

// Upgrade makes upgrade an actors.Upgrader.
func (u *upgrade) Upgrade(ex *actors.Exchange) (*actors.Plan, *http.Response) {
	key, refused := check(ex.Request)
	if refused != nil {
		return nil, refused
	}
	recipe := u.terms.Options.recipe()
	if refused := recipe.refusal(ex.Request); refused != nil {
		return nil, refused
	}
	return u.negotiate(ex, key, recipe)
}

// refusal says no to who may not ask, or not for that.
func (o *recipe) refusal(r *http.Request) (refused *http.Response) {
	if !HostAllowed(r, o.AllowedHosts) {
		return refusal(http.StatusMisdirectedRequest, "host is not served here")
	}
	if !o.InsecureAnyOrigin && !OriginAllowed(r, o.AllowedOrigins) {
		return refusal(http.StatusForbidden, "origin is not allowed")
	}
	return nil
}

// negotiate plans the pipeline, if there is a place for it.
func (u *upgrade) negotiate(ex *actors.Exchange, key string, o *recipe) (*actors.Plan, *http.Response) {
	r := ex.Request
	protocol := choose(o.Subprotocols, tokens(r.Header["Sec-Websocket-Protocol"]))
	if protocol == "" && o.RequireSubprotocol {
		return nil, refusal(http.StatusBadRequest, "subprotocol must be one of: "+strings.Join(o.Subprotocols, ", "))
	}
	if u.terms.FrameHandler == nil && u.terms.Spawn == nil {
		panic("sockets: UpgradeServer has neither FrameHandler nor Spawn")
	}
	room := roomOf(r)
	life, ok := room.admit(r)
	if !ok {
		return nil, refusal(http.StatusServiceUnavailable, "too many connections", "Retry-After", "10")
	}
	params, extension := o.accept(r.Header["Sec-Websocket-Extensions"])
	plan := &actors.Plan{
		Greeting: greeting(acceptKey(key), protocol, extension, u.terms.Header),
		Top:      o.topOf(u.terms.Stages),
		Core:     o.coreOf(false, params),
		Handler:  u.terms.FrameHandler,
		Spawn:    u.terms.Spawn,
		Hello:    &Upgraded{Request: r, Subprotocol: protocol, Compressed: params != nil},
		Limits:   o.limits,
		Portable: o.Portable,
		Life:     life,
	}
	if room != nil {
		plan.Group = &room.group
	}
	return plan, nil
}

// accept answers the extensions that a client offers.
func (o *Options) accept(offers []string) (*pipeline.DeflateParams, string) {
	if o.Compression == nil {
		return nil, ""
	}
	answer, params, ok := o.Compression.Accept(offers)
	if !ok {
		return nil, ""
	}
	return &params, answer
}
