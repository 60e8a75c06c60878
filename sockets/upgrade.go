package sockets

import (
	"bytes"
	"context"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

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

	recipe *recipe // made once by a Handler; nil: make it
}

// recipe is what the connections of one Handler have in common.
type recipe struct {
	options   *Options
	top, core pipeline.Part // core without compression
	limits    *actors.Limits
	shared    pipeline.Shared
}

// usual is the recipe of connections with nothing special to them.
var usual = sync.OnceValue(func() *recipe { return new(Options).recipe(nil) })

func (u *UpgradeServer) prepare() *recipe {
	switch {
	case u.recipe != nil:
		return u.recipe
	case u.Options == nil && len(u.Stages) == 0:
		return usual()
	}
	return u.Options.orDefault().recipe(u.Stages)
}

func (o *Options) recipe(extra []pipeline.Stage) *recipe {
	return &recipe{options: o, top: o.top(extra), core: o.core(false, nil, nil), limits: o.limits()}
}

// Upgrade makes UpgradeServer an actors.Upgrader.
func (u *UpgradeServer) Upgrade(r *http.Request) (*actors.Plan, *http.Response) {
	key, refused := check(r)
	if refused != nil {
		return nil, refused
	}
	recipe := u.prepare()
	o := recipe.options
	if !HostAllowed(r, o.AllowedHosts) {
		return nil, refusal(http.StatusMisdirectedRequest, "host is not served here")
	}
	if !o.InsecureAnyOrigin && !OriginAllowed(r, o.AllowedOrigins) {
		return nil, refusal(http.StatusForbidden, "origin is not allowed")
	}
	protocol := choose(o.Subprotocols, tokens(r.Header["Sec-Websocket-Protocol"]))
	if protocol == "" && o.RequireSubprotocol {
		return nil, refusal(http.StatusBadRequest, "subprotocol must be one of: "+strings.Join(o.Subprotocols, ", "))
	}
	if u.FrameHandler == nil && u.Spawn == nil {
		panic("sockets: UpgradeServer has neither FrameHandler nor Spawn")
	}
	room := roomOf(r)
	leave, ok := room.admit(r)
	if !ok {
		return nil, refusal(http.StatusServiceUnavailable, "too many connections", "Retry-After", "10")
	}
	params, extension := o.accept(r.Header["Sec-Websocket-Extensions"])
	core := recipe.core
	if params != nil {
		core = o.core(false, params, &recipe.shared)
	}
	plan := &actors.Plan{
		Greeting: u.greeting(acceptKey(key), protocol, extension),
		Top:      recipe.top,
		Core:     core,
		Handler:  u.FrameHandler,
		Spawn:    u.Spawn,
		Hello:    &Upgraded{Request: r, Subprotocol: protocol, Compressed: params != nil},
		Limits:   recipe.limits,
		Portable: o.Portable,
		Leave:    leave,
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

// greeting is the 101, RFC 6455 4.2.2.
func (u *UpgradeServer) greeting(accept [acceptLen]byte, protocol, extension string) []byte {
	b := make([]byte, 0, 256)
	b = append(b, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "...)
	b = append(b, accept[:]...)
	if protocol != "" {
		b = append(append(b, "\r\nSec-WebSocket-Protocol: "...), protocol...)
	}
	if extension != "" {
		b = append(append(b, "\r\nSec-WebSocket-Extensions: "...), extension...)
	}
	b = append(b, "\r\n"...)
	if len(u.Header) > 0 {
		extra := make(http.Header, len(u.Header))
		for name, values := range u.Header {
			if !ours[http.CanonicalHeaderKey(name)] {
				extra[name] = values
			}
		}
		w := bytes.NewBuffer(b)
		extra.Write(w) // makes line breaks in values harmless and leaves out bad names
		b = w.Bytes()
	}
	return append(b, "\r\n"...)
}

// ours are the headers of a 101 that nobody else may set.
var ours = map[string]bool{
	"Upgrade": true, "Connection": true, "Sec-Websocket-Accept": true, "Sec-Websocket-Protocol": true,
	"Sec-Websocket-Extensions": true, "Content-Length": true, "Transfer-Encoding": true,
}

// place is where a request came in.
type place struct {
	pid   *actor.PID // of its connection, in actor mode; nil: an upgrade will bring it
	room  *room      // of its server
	asked bool       // a listener, in the name of pid
}

type placeKey struct{}

// room is the upgraded connections of one server, and how many it may have.
type room struct {
	group        actors.Group
	total, perIP int // 0: no cap
}

func roomOf(r *http.Request) *room {
	if p, ok := r.Context().Value(placeKey{}).(*place); ok {
		return p.room
	}
	return nil
}

// admit counts the connection of r, if there is a cap and room below it; leave is
// then to be called once.
func (room *room) admit(r *http.Request) (leave func(), ok bool) {
	if room == nil || room.total <= 0 && room.perIP <= 0 {
		return nil, true
	}
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	return room.group.Admit(from.Addr(), room.total, room.perIP)
}

// Handler upgrades the requests of any http.Handler's route, under any server
// whose ResponseWriter can be hijacked: sockets.Server, http.Server, httptest.
// Use it by pointer, and do not change it after its first request.
type Handler struct {
	System       *actor.ActorSystem
	FrameHandler *actor.PID       // as in UpgradeServer
	Spawn        *actor.Props     // as in UpgradeServer
	Stages       []pipeline.Stage // as in UpgradeServer
	Options      *Options         // nil: the defaults

	room    room // of connections that came in by other servers than ours
	once    sync.Once
	upgrade *UpgradeServer
}

// ServeHTTP upgrades r or refuses it. It returns when that is decided; the
// connection then lives on as an actor.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.once.Do(func() {
		h.upgrade = &UpgradeServer{FrameHandler: h.FrameHandler, Spawn: h.Spawn, Stages: h.Stages, Options: h.Options}
		h.upgrade.recipe = h.upgrade.prepare()
	})
	if r.Context().Value(placeKey{}) == nil { // another server's: connections are members of our own room
		r = r.WithContext(context.WithValue(r.Context(), placeKey{}, &place{room: &h.room}))
	}
	Upgrade(h.System, w, r, h.upgrade)
}

// Shutdown closes the handler's connections with 1001, and cuts those that have
// not ended when ctx has. Connections that came in by a Server are that server's.
func (h *Handler) Shutdown(ctx context.Context) (Drain, error) {
	return drain(ctx, h.System, &h.room.group, DrainOptions{})
}

// Upgrade turns the connection of r into a WebSocket on the terms of u, or
// answers with the refusal. It is what an http.Handler calls that decides for
// itself, request by request. It returns when that is done.
func Upgrade(system *actor.ActorSystem, w http.ResponseWriter, r *http.Request, u *UpgradeServer) {
	rt := actors.RuntimeOf(system)
	ex := &actors.Exchange{Request: r, Writer: w, Upgrade: u}
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

// DrainOptions say how connections are asked to leave.
type DrainOptions struct {
	Code   int           // of the Close: 1001
	Reason string        // of the Close
	Batch  int           // connections asked at a time: 10,000
	Every  time.Duration // between batches: 2 s
}
