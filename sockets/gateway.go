package sockets

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/internal/errorlog"
)

// Proxy is an http.Handler that carries WebSockets to a backend and back, as
// httputil.ReverseProxy carries requests: [NewProxy] makes the usual one. The backend is asked
// first. Its refusal is the client's, its subprotocol and the header of its 101 as well; 502
// says that it could not be asked.
//
// Messages, Pings, Pongs and the codes of Closes are carried over in order. Each side waits for
// the other: what one has sent and the other has not taken is bounded by Options.CreditBytes. A
// message of more than 64 KiB is carried over in fragments while it arrives. The last word of
// one side, its Close or a mistake of its, closes the other at once, and is answered when that
// has answered, behind all that it still had to say: within Options.CloseTimeout. A client that is
// lost without a Close is a Close of 1001 for the backend, a lost backend one of 1014 for the
// client. permessage-deflate is agreed on with each side by itself. A connection costs no
// goroutine, and as much as two connections.
//
// Use it by pointer, and do not change it after its first request.
type Proxy struct {
	// Rewrite makes of the client's request In what the backend is asked, Out, as that of an
	// httputil.ReverseProxy does, and may put another in its place. Out has been freed of what
	// concerns one hop only, of forwarding headers, of query parameters that do not parse, and of
	// the handshake but for Sec-WebSocket-Protocol; its URL must name the backend: ws, wss, http
	// or https.
	Rewrite func(*httputil.ProxyRequest)

	Options *Options           // of the client's side: origins, compression, intervals, limits; nil: the defaults, or what is installed. Messages and frames have no limit unless it sets one: the backend has its own. Subprotocols are the backend's affair
	Backend *Options           // of the backend's side, likewise. Compression there may make of a client's message what the backend takes for a bomb
	Dialer  Dialer             // how to connect to the backend; no Proxy of the environment's is asked
	System  *actor.ActorSystem // nil: that of the Server, or DefaultSystem under another server

	// Plain serves requests that ask for no WebSocket: an httputil.ReverseProxy to the same
	// backend, say. nil: they are refused with 426.
	Plain http.Handler

	once    sync.Once
	client  atomic.Pointer[proxySide] // of the latest request
	backend *Options
	ping    string // payload of Pings of our own, whose Pongs are not the other side's
}

// proxySide is the options of one side.
type proxySide struct{ given, own *Options }

// NewProxy makes a Proxy to target, a ws, wss, http or https URL whose path is put before the
// request's. The backend sees the Host that the client has named, so that its check of the
// Origin holds, and X-Forwarded-For, -Host and -Proto. It panics if target is no such URL.
func NewProxy(target *url.URL) *Proxy {
	if err := checkBackend(target); err != nil {
		panic("sockets: NewProxy: " + err.Error())
	}
	return &Proxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.SetXForwarded()
		r.Out.Host = r.In.Host
	}}
}

// carriedWhole is the longest message that is carried over as one.
const carriedWhole = 64 << 10

func (p *Proxy) setup() {
	var nonce [12]byte
	rand.Read(nonce[:])
	p.ping = "hop " + string(nonce[:])
	p.backend = p.options(p.Backend)
	if p.Dialer.Proxy == nil {
		p.Dialer.Proxy = NoProxy
	}
}

// clientOptions are those of the client's side. They refine what is installed outside, but for
// what would be the backend's affair, or make something else of what is carried over.
func (p *Proxy) clientOptions(u *upgrade) *Options {
	given := p.Options.over(installed(u.request.Context(), u.info()))
	if side := p.client.Load(); side != nil && side.given == given {
		return side.own
	}
	side := &proxySide{given, p.options(given)}
	p.client.Store(side)
	return side.own
}

// options are those of one side, which was given o.
func (p *Proxy) options(o *Options) *Options {
	own := Options{}
	if o != nil {
		own = *o
	}
	for _, limit := range []*int64{&own.MaxFrame, &own.MaxMessage} {
		if *limit == 0 {
			*limit = -1
		}
	}
	if own.MaxFragments == 0 {
		own.MaxFragments = -1
	}
	if own.MessageTime == 0 {
		own.MessageTime = -1
	}
	own.Stream, own.StreamOver = false, carriedWhole
	own.NoAutoPong, own.ShowControl = true, true
	own.PingPayload = func() []byte { return []byte(p.ping) }
	own.Subprotocols, own.ChooseSubprotocol, own.RequireSubprotocol = nil, nil, false
	return &own
}

// ServeHTTP asks the backend and upgrades r, or refuses it. It returns when that is decided.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.once.Do(p.setup)
	if p.Plain != nil && !IsUpgrade(r) {
		p.Plain.ServeHTTP(w, r)
		return
	}
	system := p.System
	if system == nil {
		system = systemFor(r)
	}
	front, back := newCarriers(p.ping)
	in := &serving{upgrade: upgrade{receiver: front, request: r, complete: true}}
	in.findStream(w, r)
	in.terms = &UpgradeServer{Options: p.clientOptions(&in.upgrade)}
	// From here on: observers are told when the handshake began.
	in.find()
	if _, _, err := in.judge(); err != nil { // the backend is not troubled
		serve(system, w, r, in)
		return
	}
	out := &UpgradeClient{Options: p.backend, Dialer: p.Dialer, receiver: back, refusal: maxBody}
	answer, err := p.ask(r, out)
	if err != nil {
		in.observations.refused(&backendError{badGateway(w, r, err), err}, logOf(r))
		return
	}
	in.protocol = answer.protocol
	in.terms.Header = answer.response.Header
	removeHop(in.terms.Header)
	stream, err := serve(system, w, r, in)
	if err != nil {
		answer.drop()
		return
	}
	defer stream.stay()
	plan, err := out.plan(system, answer)
	if err == nil {
		_, err = actors.RuntimeOf(system).Open(answer.conn, answer.rest, plan)
	}
	if err != nil {
		back.abort()
	}
}

// checkBackend says what is wrong with the URL of a backend, and how to write it.
func checkBackend(u *url.URL) error {
	if u == nil {
		return errors.New("no URL of the backend: write ws://host:port")
	}
	switch u.Scheme {
	case "ws", "wss", "http", "https":
		if u.Hostname() != "" {
			return nil
		}
	}
	return fmt.Errorf("the backend's URL %q is none of ws, wss, http and https with a host: write ws://host:port", u.Redacted())
}

// ask has the backend upgrade what Rewrite makes of r.
func (p *Proxy) ask(r *http.Request, out *UpgradeClient) (*dialled, error) {
	asked := r.Clone(r.Context())
	asked.Header, asked.URL.RawQuery = forwarded(r.Header), parsable(r.URL.RawQuery)
	if p.Rewrite != nil {
		rewritten := &httputil.ProxyRequest{In: r, Out: asked}
		p.Rewrite(rewritten)
		asked = rewritten.Out
	}
	if err := checkBackend(asked.URL); err != nil {
		return nil, err
	}
	base := *asked.URL
	switch base.Scheme {
	case "ws":
		base.Scheme = "http"
	case "wss":
		base.Scheme = "https"
	}
	out.Header = asked.Header
	if asked.Host != "" {
		out.Header["Host"] = []string{asked.Host}
	}
	return within(asked.Context(), p.Dialer.timeout(), func(ctx context.Context) (*dialled, error) {
		return out.observed(&base, func() (*dialled, error) { return out.shakeAt(ctx, &base) })
	}, (*dialled).drop)
}

// backendError is why a backend has not upgraded a request, and the status of the answer.
type backendError struct {
	status int
	error
}

func (e *backendError) Unwrap() error { return e.error }

// badGateway answers a request that the backend has refused, or could not be asked, and returns the status.
func badGateway(w http.ResponseWriter, r *http.Request, err error) (status int) {
	h, status, body := w.Header(), http.StatusBadGateway, []byte("the backend cannot be reached\n")
	var refused *HandshakeError
	switch {
	case errors.As(err, &refused) && refused.Status >= 300:
		removeHop(refused.Header)
		refused.Header.Del("Content-Length") // of a body over maxBody we have the beginning
		for name, values := range refused.Header {
			h[name] = values
		}
		status, body = refused.Status, refused.Body
	case errors.Is(err, context.DeadlineExceeded):
		status = http.StatusGatewayTimeout
		fallthrough
	default:
		if !errors.Is(err, context.Canceled) { // that is a client that has left, as any may
			logOf(r).Error("proxy failed", "error", errorlog.OneLine(err.Error()), "path", r.URL.Path, "peer", r.RemoteAddr)
		}
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	if r.ProtoMajor < 2 {
		h.Set("Connection", "close") // nothing that was pipelined behind the request is parsed
	}
	w.WriteHeader(status)
	w.Write(body)
	return status
}
