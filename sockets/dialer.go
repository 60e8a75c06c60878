package sockets

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/spindrift-go/spindrift/actors/transport"
)

// Dialer connects a client's socket. The zero value is ready.
type Dialer struct {
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error) // nil: net.Dialer's
	TLS     *tls.Config                                                       // for wss; nil: the system's roots
	Timeout time.Duration                                                     // of connecting and of the handshake, together: 10 s; negative: only the context bounds them
	Jar     http.CookieJar                                                    // sends cookies and keeps new ones; nil: none
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
		nc = &transport.PollableConn{TCPConn: tcp}
	}
	tc := tls.Client(nc, config)
	if err := tc.HandshakeContext(ctx); err != nil {
		nc.Close()
		return nil, err
	}
	return tc, nil
}
