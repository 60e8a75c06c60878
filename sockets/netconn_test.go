package sockets

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What a program sees of its connections is net/http's: TCP, or TLS over TCP, until an
// upgrade has taken them.
func TestConnectionsAreTheProgramsOwn(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler(echo)
		s := &Server{System: w.system, Server: quiet(w.upgrading(&UpgradeServer{FrameHandler: h.pid}))}
		seen := func(where string, nc net.Conn) {
			if c, ok := nc.(*tls.Conn); ok {
				nc = c.NetConn()
			} else {
				assert.False(w, w.tls && where != "GetConfigForClient", where)
			}
			assert.IsType(w, &net.TCPConn{}, nc, where)
		}
		s.ConnContext = func(ctx context.Context, nc net.Conn) context.Context { seen("ConnContext", nc); return ctx }
		s.ConnState = func(nc net.Conn, state http.ConnState) {
			if state != http.StateHijacked { // then it is ours
				seen("ConnState", nc)
			}
		}
		s.TLSConfig.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			seen("GetConfigForClient", hello.Conn)
			return nil, nil
		}
		p := w.upgrade(w.run(s))
		h.upgraded()
		p.Close()
		h.untilClosed()
	})
}
