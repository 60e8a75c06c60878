package sockets

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/spindrift-go/spindrift/actors/httpclient"
	"github.com/spindrift-go/spindrift/actors/transport"
)

// Dialer connects a client's socket. The zero value is ready.
type Dialer struct {
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error) // to the server, or to its proxy; nil: net.Dialer's
	Unix    string                                                            // path of a unix socket to connect to, whatever the URL's host, and by no proxy; "": TCP

	// Proxy returns the URL of the proxy that a request goes through, nil for none, as
	// http.Transport's does: the scheme is http, https (then TLS to the proxy too), socks5 or
	// socks5h (the same: the proxy looks names up), user and password are its credentials.
	// nil: http.ProxyFromEnvironment, which leaves out localhost and loopback addresses.
	// NoProxy is for none at all. HTTP proxies are asked for a tunnel by CONNECT, for ws as
	// for wss, RFC 6455 4.1.
	Proxy func(*http.Request) (*url.URL, error)

	TLS     *tls.Config    // for wss, and for an https proxy with its own ServerName; nil: the system's roots
	Timeout time.Duration  // of connecting and of the handshake, together: 10 s; negative: only the context bounds them
	Jar     http.CookieJar // sends cookies and keeps new ones; nil: none

	// Redirects is how many answers of 301, 302, 303, 307 and 308 are followed, one after the
	// other: 0. A connection that Connect made and a Proxy follow none, and nobody follows one from
	// wss to ws. To another scheme, host or port no user, password or Header goes along but Origin,
	// User-Agent, Accept-Language and the subprotocols; Jar decides on cookies.
	Redirects int

	connectHeader func(ctx context.Context, via *url.URL, addr string) (http.Header, error)                   // of an http.Transport, for a CONNECT; nil: none
	connectAnswer func(ctx context.Context, via *url.URL, request *http.Request, answer *http.Response) error // likewise, of the answer to it
}

// NoProxy is a Dialer.Proxy that uses none.
func NoProxy(*http.Request) (*url.URL, error) { return nil, nil }

// timeout of connecting and of the handshake; 0: none.
func (d *Dialer) timeout() time.Duration { return or(d.Timeout, 10*time.Second) }

// dial connects to the server of base, with TLS if that is https. Nothing is left in a
// buffer around the socket, so that it can be polled.
func (d *Dialer) dial(ctx context.Context, base *url.URL) (net.Conn, error) {
	nc, err := d.reach(ctx, base)
	if err != nil || base.Scheme != "https" {
		return nc, err
	}
	name := base.Hostname()
	if d.TLS != nil && d.TLS.ServerName != "" {
		name = d.TLS.ServerName
	}
	return d.withTLS(ctx, nc, name)
}

// reach connects to the server of base, through its proxy if it has one.
func (d *Dialer) reach(ctx context.Context, base *url.URL) (net.Conn, error) {
	if d.Unix != "" {
		return d.open(ctx, "unix", d.Unix)
	}
	addr := withPort(base.Host, base.Scheme)
	via, err := d.proxy(ctx, base)
	switch {
	case err != nil:
		return nil, err
	case via == nil:
		return d.open(ctx, "tcp", addr)
	}
	return d.tunnel(ctx, via, addr)
}

func (d *Dialer) open(ctx context.Context, network, addr string) (net.Conn, error) {
	if d.NetDial == nil {
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	nc, err := d.NetDial(ctx, network, addr)
	if nc == nil && err == nil {
		err = errNilNil
	}
	return nc, err
}

var errNilNil = errors.New("NetDial returned neither a conn nor an error")

// withTLS sets up TLS over nc, and closes it if that fails.
func (d *Dialer) withTLS(ctx context.Context, nc net.Conn, name string) (net.Conn, error) {
	done := false
	defer func() { // also if a callback of the Config panics
		if !done {
			httpclient.Cut(nc)
		}
	}()
	config := d.TLS.Clone()
	if config == nil {
		config = new(tls.Config)
	}
	config.ServerName = name
	config.NextProtos = []string{"http/1.1"}
	if tcp, ok := nc.(*net.TCPConn); ok {
		nc = &transport.PollableConn{TCPConn: tcp}
	}
	tc := tls.Client(nc, config)
	if err := tc.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	done = true
	return tc, nil
}
