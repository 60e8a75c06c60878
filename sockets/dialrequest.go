package sockets

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"reflect"

	"github.com/asynkron/protoactor-go/actor"
)

// DialActorRequest is DialActor on the terms of net/http: r says where to and with which
// headers, its context bounds the wait; c, nil being http.DefaultClient, has the Jar, the
// Timeout, and in its *http.Transport the Proxy, what that is told and who looks at its answer, DialContext and
// TLSClientConfig. What u has besides counts: its handler, stages and options, its Header with r's, and of its Dialer
// what c leaves at zero. Redirects are followed as u.Dialer says.
//
// r is a GET without a body of a ws, wss, http or https URL.
func DialActorRequest(system *actor.ActorSystem, r *http.Request, c *http.Client, u *UpgradeClient) (*actor.PID, error) {
	if r == nil || r.URL == nil {
		return nil, &dialError{"dial", "", errors.New("no URL")}
	}
	address := r.URL.String()
	if err := usable(r); err != nil {
		return nil, &dialError{"dial", address, err}
	}
	v, err := u.like(r, c)
	if err != nil {
		return nil, &dialError{"dial", address, err}
	}
	return DialActor(r.Context(), system, address, v)
}

// DialRequest is [Dial] on the terms of net/http, as [DialActorRequest] is DialActor: the same
// request and the same client as for plain HTTP open a WebSocket. What o has besides counts.
func DialRequest(r *http.Request, c *http.Client, o *DialOptions) (*Conn, error) {
	conn := newConn()
	if o == nil {
		o = new(DialOptions)
	}
	if _, err := DialActorRequest(o.System, r, c, o.upgrade(conn)); err != nil {
		return nil, err
	}
	return conn.whenOpen()
}

// like is u with what r and c say.
func (u *UpgradeClient) like(r *http.Request, c *http.Client) (*UpgradeClient, error) {
	if u == nil {
		u = new(UpgradeClient)
	}
	v := *u
	v.Request = r
	return &v, v.Dialer.like(c)
}

// like takes what c says.
func (d *Dialer) like(c *http.Client) error {
	if c == nil {
		c = http.DefaultClient
	}
	if c.Jar != nil {
		d.Jar = c.Jar
	}
	if c.Timeout > 0 {
		d.Timeout = c.Timeout
	}
	over := c.Transport
	if over == nil {
		over = http.DefaultTransport
	}
	t, ok := over.(*http.Transport)
	switch {
	case !ok:
		return fmt.Errorf("the client's Transport is a %T: a WebSocket needs an *http.Transport", over)
	case t.DialTLSContext != nil || t.DialTLS != nil: //lint:ignore SA1019 it is refused
		return errors.New("the client's Transport sets up TLS by itself: give its TLSClientConfig")
	}
	if d.Proxy = t.Proxy; d.Proxy == nil {
		d.Proxy = NoProxy
	}
	t = t.Clone() // the first request that it sends, which may be under way, changes its TLSClientConfig
	if config := t.TLSClientConfig; config != nil {
		config.NextProtos = nil // which that has set, or would be ours to set
		if !reflect.ValueOf(config).Elem().IsZero() {
			d.TLS = config
		}
	}
	d.connectAnswer = t.OnProxyConnectResponse
	switch header := t.ProxyConnectHeader; {
	case t.GetProxyConnectHeader != nil:
		d.connectHeader = t.GetProxyConnectHeader
	case header != nil:
		d.connectHeader = func(context.Context, *url.URL, string) (http.Header, error) { return header, nil }
	}
	switch {
	case t.DialContext != nil:
		d.NetDial = t.DialContext
	case t.Dial != nil: //lint:ignore SA1019 net/http honours it too
		//lint:ignore SA1019 net/http honours it too
		d.NetDial = func(_ context.Context, network, addr string) (net.Conn, error) { return t.Dial(network, addr) }
	}
	return nil
}
