package sockets

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/pipeline"
)

// UpgradeClient opens a WebSocket: given to Dial, or sent to a connection that
// Connect made. It is not changed and may serve any number of connections.
type UpgradeClient struct {
	FrameHandler *actor.PID       // gets the connection's messages; or
	Spawn        *actor.Props     // the handler to start for this connection, which ends with it; its mailbox is replaced by the crew's
	Stages       []pipeline.Stage // extra ones, from handler to wire, below AutoPong and AutoPing
	Header       http.Header      // added to the request: Origin, Cookie, Authorization
	Path         string           // path and query of the request; "": those of the URL dialled
	Options      *Options         // nil: the defaults

	Dialer Dialer // how Dial connects
}

// Dialer connects a client's socket. The zero value is ready.
type Dialer struct {
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error) // nil: net.Dialer's
	TLS     *tls.Config                                                       // for wss; nil: the system's roots
	Timeout time.Duration                                                     // of connecting and of the handshake, together: 10 s; negative: only the context bounds them
	Jar     http.CookieJar                                                    // sends cookies and keeps new ones; nil: none
}

// HandshakeError is a server's answer that is not the upgrade asked for.
type HandshakeError struct {
	Why    string
	Status int         // of the response
	Header http.Header // of the response
	Body   []byte      // its first KiB
}

func (e *HandshakeError) Error() string {
	return fmt.Sprintf("%s (status %d)", e.Why, e.Status)
}

// Dial opens a WebSocket to a ws or wss URL and returns the connection's actor.
// ctx bounds the wait and not the connection. The error is one line and wraps a
// *HandshakeError if the server has answered otherwise.
func Dial(ctx context.Context, system *actor.ActorSystem, address string, u *UpgradeClient) (*actor.PID, error) {
	pid, err := dial(ctx, system, address, u)
	if err != nil {
		return nil, fmt.Errorf("sockets: dial %s: %w", redacted(address), err)
	}
	return pid, nil
}

func dial(ctx context.Context, system *actor.ActorSystem, address string, u *UpgradeClient) (*actor.PID, error) {
	if u.FrameHandler == nil && u.Spawn == nil {
		return nil, errors.New("UpgradeClient has neither FrameHandler nor Spawn")
	}
	limit := or(u.Dialer.Timeout, 10*time.Second)
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	pid, err := connect(ctx, system, address, &u.Dialer)
	if err != nil {
		return nil, err
	}
	answer, future := make(chan any, 1), system.Root.RequestFuture(pid, u, -1)
	go func() {
		result, err := future.Result()
		if err != nil {
			result = err
		}
		answer <- result
	}()
	select {
	case result := <-answer:
		if err, failed := result.(error); failed {
			return nil, err
		}
		return pid, nil
	case <-ctx.Done():
		system.Root.Poison(pid) // not Stop, which would overtake u and leave the future without an answer
		return nil, ctx.Err()
	}
}

// Connect opens an HTTP connection to an http, https, ws or wss URL and returns
// its actor. It answers each *http.Request sent to it with an *http.Response,
// whose body is in memory, or an error; an *UpgradeClient turns it into a
// WebSocket. Stop it to close it.
func Connect(ctx context.Context, system *actor.ActorSystem, address string, d *Dialer) (*actor.PID, error) {
	if d == nil {
		d = new(Dialer)
	}
	pid, err := connect(ctx, system, address, d)
	if err != nil {
		return nil, fmt.Errorf("sockets: connect %s: %w", redacted(address), err)
	}
	return pid, nil
}

// maxBody is the most that is kept of a response's body.
const maxBody = 1 << 20

func connect(ctx context.Context, system *actor.ActorSystem, address string, d *Dialer) (*actor.PID, error) {
	base, err := parse(address)
	if err != nil {
		return nil, err
	}
	nc, err := d.dial(ctx, base)
	if err != nil {
		return nil, err
	}
	rt := actors.RuntimeOf(system)
	pid := rt.Spawn()
	system.Root.Send(pid, &actors.Connect{
		Conn:    nc,
		Base:    base,
		Timeout: or(d.Timeout, 10*time.Second),
		MaxBody: maxBody,
	})
	return pid, nil
}

// parse reads an address and makes its scheme HTTP's.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.Unwrap(err) // the address is named already
	}
	switch u.Scheme {
	case "ws", "http":
		u.Scheme = "http"
	case "wss", "https":
		u.Scheme = "https"
	default:
		return nil, fmt.Errorf("scheme %q is not ws or wss", u.Scheme)
	}
	if u.Hostname() == "" {
		return nil, errors.New("no host")
	}
	if u.Fragment != "" || strings.Contains(address, "#") {
		return nil, errors.New("a WebSocket address has no fragment") // RFC 6455 3
	}
	return u, nil
}

func redacted(address string) string {
	if u, err := url.Parse(address); err == nil {
		return u.Redacted()
	}
	return address
}

func (d *Dialer) dial(ctx context.Context, base *url.URL) (net.Conn, error) {
	open := d.NetDial
	if open == nil {
		open = new(net.Dialer).DialContext
	}
	nc, err := open(ctx, "tcp", withPort(base.Host, base.Scheme))
	if err != nil || base.Scheme != "https" {
		return nc, err
	}
	config := d.TLS.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	if config.ServerName == "" {
		config.ServerName = base.Hostname()
	}
	config.NextProtos = []string{"http/1.1"}
	if tcp, ok := nc.(*net.TCPConn); ok {
		nc = &actors.Lane{TCPConn: tcp}
	}
	tc := tls.Client(nc, config)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return tc, nil
}

// Handshake makes UpgradeClient an actors.ClientUpgrader: RFC 6455 4.1.
func (u *UpgradeClient) Handshake(base *url.URL) (*http.Request, error) {
	target := *base
	if u.Path != "" {
		path, err := url.Parse(u.Path)
		if err != nil {
			return nil, err
		}
		target.Path, target.RawPath, target.RawQuery = path.Path, path.RawPath, path.RawQuery
	}
	r, err := http.NewRequest(http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	o := u.Options.orDefault()
	for name, values := range u.Header {
		if http.CanonicalHeaderKey(name) == "Host" && len(values) > 0 {
			r.Host = values[0]
			continue
		}
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if target.User != nil && r.Header.Get("Authorization") == "" {
		password, _ := target.User.Password()
		r.SetBasicAuth(target.User.Username(), password)
	}
	if u.Dialer.Jar != nil {
		for _, c := range u.Dialer.Jar.Cookies(&target) {
			r.AddCookie(c)
		}
	}
	var key [16]byte
	rand.Read(key[:])
	r.Header.Set("Upgrade", "websocket")
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Sec-WebSocket-Version", "13")
	r.Header.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key[:]))
	if len(o.Subprotocols) > 0 {
		r.Header.Set("Sec-WebSocket-Protocol", strings.Join(o.Subprotocols, ", "))
	}
	if o.Compression != nil {
		r.Header.Set("Sec-WebSocket-Extensions", o.Compression.Offer())
	}
	return r, nil
}

// Agree makes UpgradeClient an actors.ClientUpgrader: RFC 6455 4.1, the
// server's response.
func (u *UpgradeClient) Agree(r *http.Response) (*actors.Plan, error) {
	o := u.Options.orDefault()
	if u.Dialer.Jar != nil {
		u.Dialer.Jar.SetCookies(r.Request.URL, r.Cookies())
	}
	params, why := o.judge(r)
	if why != "" {
		e := &HandshakeError{Why: why, Status: r.StatusCode, Header: r.Header}
		if r.StatusCode != http.StatusSwitchingProtocols {
			e.Body, _ = io.ReadAll(r.Body)
		}
		return nil, e
	}
	r.Body = io.NopCloser(new(bytes.Reader))
	return &actors.Plan{
		Top:     o.top(u.Stages),
		Core:    o.core(true, params, nil),
		Handler: u.FrameHandler,
		Spawn:   u.Spawn,
		Hello: &Upgraded{
			Request:     r.Request,
			Response:    r,
			Subprotocol: r.Header.Get("Sec-Websocket-Protocol"),
			Compressed:  params != nil,
		},
		Limits:   o.limits(),
		Portable: o.Portable,
	}, nil
}

// judge says why r is not the upgrade that was asked for, "" if it is.
func (o *Options) judge(r *http.Response) (params *pipeline.DeflateParams, why string) {
	h := r.Header
	protocols := h["Sec-Websocket-Protocol"]
	switch {
	case r.StatusCode != http.StatusSwitchingProtocols:
		return nil, "server did not upgrade"
	case len(h["Upgrade"]) != 1 || !strings.EqualFold(h["Upgrade"][0], "websocket"): // RFC 6455 4.1: one value, where a request has a list
		return nil, "response has no Upgrade: websocket"
	case !hasToken(h["Connection"], "upgrade"):
		return nil, "response has no Connection: upgrade"
	case !slices.Equal(h["Sec-Websocket-Accept"], []string{AcceptKey(r.Request.Header.Get("Sec-WebSocket-Key"))}):
		return nil, "response has a wrong Sec-WebSocket-Accept"
	case len(protocols) > 1 || len(protocols) == 1 && !slices.Contains(o.Subprotocols, protocols[0]):
		return nil, "server chose a subprotocol that was not offered"
	}
	extensions := h["Sec-Websocket-Extensions"]
	if o.Compression == nil {
		if len(tokens(extensions)) > 0 {
			return nil, "server chose an extension that was not offered"
		}
		return nil, ""
	}
	p, ok, err := o.Compression.Agree(extensions)
	switch {
	case err != nil:
		return nil, err.Error()
	case !ok:
		return nil, ""
	}
	return &p, ""
}
