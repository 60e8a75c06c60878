package sockets

import (
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/pipeline"
)

// UpgradeServer is the answer of a listener actor to an *http.Request that turns
// the connection into a WebSocket, if the request is a valid handshake; if not,
// the connection answers with the refusal that RFC 6455 asks for.
type UpgradeServer struct {
	FrameHandler *actor.PID       // gets the connection's messages, an actor of the same system, or with sockets/remote of another node; or
	Spawn        *actor.Props     // the handler to start for this connection, which ends with it; its mailbox is replaced by the dispatcher's
	Stages       []pipeline.Stage // extra ones, from handler to wire, below AutoPong and AutoPing
	Header       http.Header      // added to the 101. Its Sec-WebSocket-Protocol, if that was offered, is the subprotocol where Options name none
	Options      *Options         // nil: the defaults. Not to be changed once in use
	Value        any              // handed on in Upgraded, and found by ValueOf and Server.All: who the request's user is, say
}

// upgrade decides one request, in three steps: judge says whether it may be upgraded,
// negotiate what comes of it, and Greet, which is all that versions of HTTP differ in,
// does it.
type upgrade struct {
	system   *actor.ActorSystem
	terms    *UpgradeServer  // nil: the handler's
	receiver actors.Receiver // in place of a handler; nil: none
	protocol string          // that was agreed on elsewhere; "": none was
	of       *Handler        // nil: terms count
	home     *connSet        // to join where the request came by another server than ours; nil: none
	own      UpgradeServer   // the handler's terms are made here
	base     *Options        // what the terms' Options refine; nil: the defaults
	complete bool            // the terms' Options are taken as they are: they refine nothing, and a protocol is none of theirs
	handler  *actor.PID      // by which the connection reaches the FrameHandler; nil: there is none

	agreed       pipeline.Agreed
	plan         actors.Plan
	header       http.Header // of the greeting, over HTTP/2
	life         *life       // of the connection, which keeps nothing else of this
	request      *http.Request
	stream       *connectStream // that the request came by, over HTTP/2; nil: it did not
	byAccept     bool           // whoever asks goes on with the connection, and returns while it lives
	set          *connSet       // to join; nil: none
	late         bool           // set, or a place in it, is to be found when the connection is there
	refused      error
	observations *observations // nil: nobody observes

	listener *connListener // of its connection only; nil: none
}

// Upgrade makes upgrade an actors.Upgrader.
func (u *upgrade) Upgrade(ex *actors.Exchange) (*actors.Plan, *http.Response) {
	u.request = ex.Request
	if u.stream == nil && u.request.ProtoMajor >= 2 {
		u.stream = streamOf(ex.Writer, u.request)
	}
	u.find()
	if err := u.decide(ex); err != nil {
		u.refused = err
		refusal := u.refusal(err)
		u.observations.refused(err, logOf(u.request))
		return nil, refusal.response(u.request)
	}
	return &u.plan, nil
}

// decide makes the plan. A panic of the program's, in Handler.New or an Extension, is the end
// of this upgrade and of nothing else.
func (u *upgrade) decide(ex *actors.Exchange) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = &panicked{reason, debug.Stack()}
		}
	}()
	key, options, err := u.judge()
	if err != nil {
		return err
	}
	header := ex.Writer.Header() // of middleware, perhaps, which may panic: before there is a place to give back
	protocol, place, err := u.negotiate(options, header)
	if err != nil {
		return err
	}
	u.announce(protocol)
	u.layOut(options, place)
	u.prepareGreeting(key, protocol, header)
	u.listener.acquire()
	u.observations.plan(&u.plan)
	return nil
}

// judge says what is to be known of the request before anything is agreed on: that it is
// a handshake, and may be one for this host and this page.
func (u *upgrade) judge() (key string, o *recipe, err error) {
	key, refused := check(u.request)
	if refused != nil {
		return "", nil, refused
	}
	if u.request.ProtoMajor >= 2 {
		if refused := u.checkStream(); refused != nil {
			return "", nil, refused
		}
	}
	if u.of != nil {
		if u.terms, err = u.of.terms(u.request, &u.own); err != nil {
			return "", nil, err
		}
		if u.terms.Options != u.of.Options {
			u.observedOn(u.terms.Options)
		}
	}
	o = u.terms.Options.over(u.base).recipe()
	if err := checkStages(u.terms.Stages); err != nil {
		return "", nil, err
	}
	if u.receiver == nil {
		if err := checkHandler(u.terms.FrameHandler, u.terms.Spawn); err != nil {
			return "", nil, err
		}
		if u.handler, err = reach(u.system, u.terms.FrameHandler, o, u.terms.Value); err != nil {
			return "", nil, refuseAway(err)
		}
	}
	if !HostAllowed(u.request, o.AllowedHosts) {
		return "", nil, refuse(http.StatusMisdirectedRequest, "host is not served here")
	}
	if !o.InsecureAnyOrigin && !OriginAllowed(u.request, o.AllowedOrigins) {
		return "", nil, refuse(http.StatusForbidden, fmt.Sprintf("origin %.100q is not allowed, see Options.AllowedOrigins", strings.Join(u.request.Header["Origin"], ", ")))
	}
	return key, o, nil
}

// negotiate agrees on a subprotocol, "" for none, and extensions, and finds the connection its place. header is the ResponseWriter's.
func (u *upgrade) negotiate(o *recipe, header http.Header) (protocol string, place actors.Lifetime, err error) {
	if protocol, err = u.agreeOnProtocol(o, header); err != nil {
		return "", nil, err
	}
	if u.agreed, err = o.extensions().Accept(u.request.Header["Sec-Websocket-Extensions"]); err != nil {
		return "", nil, err
	}
	u.life = new(life)
	place, err = u.admit()
	return protocol, place, err
}

// agreeOnProtocol is the subprotocol of the connection, "" for none.
func (u *upgrade) agreeOnProtocol(o *recipe, header http.Header) (string, error) {
	if u.protocol != "" || u.complete { // a backend has chosen, none perhaps
		return u.protocol, nil
	}
	protocol, err := o.subprotocol(u.request)
	if o.ChooseSubprotocol == nil && len(o.Subprotocols) == 0 {
		protocol = u.protocolOf(u.terms.Header, header)
	}
	switch {
	case err != nil:
		return "", err
	case protocol == "" && o.RequireSubprotocol && o.ChooseSubprotocol != nil:
		return "", refuse(http.StatusBadRequest, "none of the subprotocols is served here")
	case protocol == "" && o.RequireSubprotocol:
		return "", refuse(http.StatusBadRequest, "subprotocol must be one of: "+strings.Join(o.Subprotocols, ", "))
	}
	return protocol, nil
}

// protocolOf is the subprotocol that the program has put into a header of the answer: that of gorilla's Upgrade, say. "": none that
// was offered.
func (u *upgrade) protocolOf(headers ...http.Header) string {
	offered := Subprotocols(u.request)
	if len(offered) == 0 {
		return ""
	}
	for _, h := range headers {
		for name, values := range h {
			if http.CanonicalHeaderKey(name) == "Sec-Websocket-Protocol" {
				return choose(values, offered)
			}
		}
	}
	return ""
}

// refusal is the answer to a request that failed with err: what is not meant for the
// peer is told to the program.
func (u *upgrade) refusal(err error) *Refusal {
	e, ok := err.(*Refusal)
	if ok && e.status() >= 300 && e.status() <= 599 {
		return e
	}
	if ok {
		err = fmt.Errorf("a refusal with status %d: it must be 300 to 599", e.Status)
	}
	about := []any{"error", err, "path", u.request.URL.Path, "peer", u.request.RemoteAddr}
	if p, ok := err.(*panicked); ok {
		about = append(about, "stack", string(p.stack))
	}
	logOf(u.request).Error("upgrade failed", about...)
	return refuse(http.StatusInternalServerError, "upgrade failed")
}
