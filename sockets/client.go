package sockets

import (
	"context"
	"net"
	"net/http"
	"net/url"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/actors/httpclient"
	"github.com/spindrift-go/spindrift/pipeline"
)

// UpgradeClient opens a WebSocket: given to DialActor, or sent to a connection that
// Connect made. It is not changed and may serve any number of connections.
type UpgradeClient struct {
	FrameHandler *actor.PID       // gets the connection's messages, an actor of the same system, or with sockets/remote of another node; or
	Spawn        *actor.Props     // the handler to start for this connection, which ends with it; its mailbox is replaced by the dispatcher's
	Stages       []pipeline.Stage // extra ones, from handler to wire, below AutoPong and AutoPing
	Request      *http.Request    // a GET whose path, query, header and Host the handshake has; nil: those of the URL dialled. Its header counts in the place of Header's
	Header       http.Header      // added to the request: Origin, Cookie, Authorization; Sec-WebSocket-Protocol adds to Options.Subprotocols
	Path         string           // path and query of the request; "": those of Request, or of the URL dialled
	Options      *Options         // nil: the defaults

	Dialer Dialer // how DialActor connects

	receiver actors.Receiver // in place of a handler; nil: none
	refusal  int64           // bytes of a refusal's body that are kept; 0: 1 KiB
}

// DialActor opens a WebSocket to a ws or wss URL and returns the connection's actor.
// ctx bounds the wait and not the connection. A nil system is DefaultSystem. The error
// is one line, without the URL's password, and wraps a *HandshakeError if the server has
// answered otherwise, a *ProxyError if its proxy has not connected, a *remote.AwayError if the
// FrameHandler's node cannot be reached.
func DialActor(ctx context.Context, system *actor.ActorSystem, address string, u *UpgradeClient) (*actor.PID, error) {
	pid, err := dial(ctx, system, address, u)
	if err != nil {
		return nil, &dialError{"dial", address, err}
	}
	return pid, nil
}

func dial(ctx context.Context, system *actor.ActorSystem, address string, u *UpgradeClient) (*actor.PID, error) {
	system = orDefaultSystem(system)
	if err := u.valid(system); err != nil {
		return nil, err
	}
	open := func(ctx context.Context) (*actor.PID, error) {
		a, plan, err := u.planned(ctx, system, address)
		if err != nil {
			return nil, err
		}
		return actors.RuntimeOf(system).Open(a.conn, a.rest, plan)
	}
	return within(ctx, u.Dialer.timeout(), open, func(pid *actor.PID) { system.Root.Poison(pid) })
}

func (u *UpgradeClient) valid(system *actor.ActorSystem) error {
	if u == nil {
		u = new(UpgradeClient) // which has no handler
	}
	if u.receiver != nil {
		return nil
	}
	if err := checkHandler(u.FrameHandler, u.Spawn); err != nil {
		return err
	}
	if err := checkStages(u.Stages); err != nil {
		return err
	}
	return checkNode(system, u.FrameHandler, u.Options.recipe())
}

// reach returns the PID by which a connection reaches the FrameHandler.
func (u *UpgradeClient) reach(system *actor.ActorSystem) (*actor.PID, error) {
	return reach(system, u.FrameHandler, u.Options.recipe(), nil)
}

// dialled is a connection whose server has agreed to an upgrade.
type dialled struct {
	conn net.Conn
	rest []byte // what was read behind the answer
	*agreement
	observations *observations // nil: nobody observes
}

// drop gives up a connection that nobody wants any more.
func (s *dialled) drop() { s.refuse(context.Canceled) }

// refuse gives up a connection, and tells its observers why.
func (s *dialled) refuse(why error) {
	httpclient.Cut(s.conn)
	s.observations.refused(why, nil)
}

// planned opens a connection to address, upgrades it and plans what it becomes. The node of its handler
// is looked for first, so that a server is not asked for nothing, and again in the end: by then another
// link may lead there.
func (u *UpgradeClient) planned(ctx context.Context, system *actor.ActorSystem, address string) (*dialled, *actors.Plan, error) {
	if _, err := u.reach(system); err != nil {
		return nil, nil, err
	}
	a, err := u.shake(ctx, address)
	if err != nil {
		return nil, nil, err
	}
	plan, err := u.plan(system, a)
	if err != nil {
		a.refuse(err)
		return nil, nil, err
	}
	return a, plan, nil
}

// shakeAt opens a connection to the server of base and upgrades it.
func (u *UpgradeClient) shakeAt(ctx context.Context, base *url.URL) (*dialled, error) {
	request, err := u.request(base, u.Dialer.Jar)
	if err != nil {
		return nil, err
	}
	nc, err := u.Dialer.dial(ctx, base)
	if err != nil {
		return nil, err
	}
	agreed := false
	defer func() { // also if the jar panics
		if !agreed {
			httpclient.Cut(nc)
		}
	}()
	a, err := u.over(ctx, nc, request)
	agreed = err == nil
	return a, err
}

// over upgrades nc.
func (u *UpgradeClient) over(ctx context.Context, nc net.Conn, request *http.Request) (*dialled, error) {
	client := httpclient.New(nc)
	client.Refusal = u.refusal
	response, err := client.Ask(ctx, request)
	if err != nil {
		return nil, err
	}
	a, err := u.agree(response, u.Dialer.Jar)
	if err != nil {
		return nil, err
	}
	return &dialled{conn: nc, rest: client.Rest(), agreement: a}, nil
}

// plan is what a connection becomes that has agreed.
func (u *UpgradeClient) plan(system *actor.ActorSystem, a *dialled) (*actors.Plan, error) {
	handler, err := u.reach(system)
	if err != nil {
		return nil, err
	}
	o, r := u.Options.recipe(), a.response.Request
	values := r.Context()
	if u.Request != nil {
		values = u.Request.Context()
	}
	ctx := newConnContext(values, new(life))
	*r = *r.WithContext(&ctx) // it is ours: what Response.Request is as well
	hello := &Upgraded{
		Request:     r,
		Response:    a.response,
		Subprotocol: a.protocol,
		Compressed:  a.Deflate != nil,
		Extensions:  a.List,
	}
	p := &actors.Plan{
		Top:      o.topOf(u.Stages),
		Core:     o.coreOf(true, u.receiver != nil, &a.Agreed),
		Handler:  handler,
		Spawn:    u.Spawn,
		Receiver: receiverOn(u.receiver, o),
		Hello:    hello,
		Limits:   o.limits[index(u.receiver != nil)],
		Changer:  changerOn(u.receiver, o),
		Portable: o.Portable,
		Life:     ctx.life,
	}
	if handler != nil {
		p.HelloAgain = introduce(hello, ctx)
	}
	a.observations.plan(p)
	return p, nil
}

// observers are those of the options.
func (u *UpgradeClient) observers() []*Observer {
	if u.Options == nil {
		return nil
	}
	return u.Options.Observers
}

// clientUpgrade is an UpgradeClient as a connection that Connect made sees it.
type clientUpgrade struct {
	*UpgradeClient
	system       *actor.ActorSystem
	jar          http.CookieJar
	observations *observations // nil: nobody observes
}

// Handshake is the request of RFC 6455 4.1.
func (u clientUpgrade) Handshake(base *url.URL) (*http.Request, error) {
	if err := u.valid(u.system); err != nil {
		return nil, err
	}
	if _, err := u.reach(u.system); err != nil {
		return nil, err
	}
	return u.request(base, u.jar)
}

// Agree judges the answer, RFC 6455 4.1.
func (u clientUpgrade) Agree(r *http.Response) (*actors.Plan, error) {
	a, err := u.agree(r, u.jar)
	if err != nil {
		return nil, err
	}
	return u.plan(u.system, &dialled{agreement: a, observations: u.observations})
}

// Refused is called where nothing came of it.
func (u clientUpgrade) Refused(why error) { u.observations.refused(why, nil) }
