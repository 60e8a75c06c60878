package sockets

import (
	"context"
	"net/http"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
)

// DialOptions are how [Dial] opens a connection. The zero value is ready.
type DialOptions struct {
	Header  http.Header        // added to the request: Origin, Cookie, Authorization
	Options *Options           // nil: the defaults
	Stages  []pipeline.Stage   // yours, the one next to the Conn first. Up they send frames
	Dialer  Dialer             // how to connect: TLS, proxy, timeout
	System  *actor.ActorSystem // nil: DefaultSystem
}

// Dial opens a WebSocket to a ws or wss URL; http and https mean the same, so the URL of an
// httptest.Server will do. ctx bounds the wait and not the connection. o may be nil. The error is
// one line, without the URL's password, and wraps a *[HandshakeError] if the server has answered
// otherwise, a *[ProxyError] if its proxy has not connected.
func Dial(ctx context.Context, address string, o *DialOptions) (*Conn, error) {
	if o == nil {
		o = new(DialOptions)
	}
	c := newConn()
	if _, err := DialActor(ctx, o.System, address, o.upgrade(c)); err != nil {
		return nil, err
	}
	return c.whenOpen()
}

// upgrade is how c becomes a connection.
func (o *DialOptions) upgrade(c *Conn) *UpgradeClient {
	return &UpgradeClient{Header: o.Header, Options: o.Options, Stages: o.Stages, Dialer: o.Dialer, receiver: c.top()}
}
