package sockets

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
)

// Connected is the first message to a listener that Server.ListenerFor has named: whose
// connection it is.
type Connected struct {
	LocalAddr, RemoteAddr net.Addr
	TLS                   *tls.ConnectionState // nil: in clear. NegotiatedProtocol is "h2" over HTTP/2
}

// ConnectionClosed is the last message to a listener that Server.ListenerFor has named: its
// connection has ended, and so has the WebSocket that it became. It comes exactly once, behind
// every request, and behind the Closed of a frame handler that is the listener itself.
type ConnectionClosed struct{}

// connListener is who is asked for the requests of one connection.
type connListener struct {
	system *actor.ActorSystem
	once   sync.Once
	pid    *actor.PID // nil: nobody, or not yet
	open   atomic.Int32
}

func newConnListener(system *actor.ActorSystem) *connListener {
	l := &connListener{system: system}
	l.acquire()
	return l
}

// acquire counts what the listener may hear of: the connection as long as net/http has it, each
// request that is being served, and each WebSocket. Of a nil listener it is nothing.
func (l *connListener) acquire() {
	if l != nil {
		l.open.Add(1)
	}
}

// release ends what acquire has begun. The last one is the end of the connection.
func (l *connListener) release() {
	if l != nil && l.open.Add(-1) == 0 && l.pid != nil {
		l.system.Root.Send(l.pid, &ConnectionClosed{})
	}
}

// of returns who is asked about r, which came by nc; nil: nobody will be.
func (l *connListener) of(nc net.Conn, r *http.Request, name func(net.Conn) *actor.PID) *actor.PID {
	l.once.Do(func() {
		if l.pid = name(nc); l.pid != nil {
			l.system.Root.Send(l.pid, &Connected{nc.LocalAddr(), nc.RemoteAddr(), r.TLS})
		}
	})
	return l.pid
}

// listenerLife is the life of a WebSocket whose connection had a listener.
type listenerLife struct {
	actors.Lifetime
	listener *connListener
}

// Ended makes listenerLife an actors.Lifetime.
func (o *listenerLife) Ended() {
	o.Lifetime.Ended()
	o.listener.release()
}

// withListener is life, whose end the listener hears of, if there is one. It is called once for a plan's life,
// or again for one that takes its place.
func (u *upgrade) withListener(life actors.Lifetime) actors.Lifetime {
	if u.listener == nil {
		return life
	}
	return &listenerLife{life, u.listener}
}

var errNoListener = refuse(http.StatusServiceUnavailable, "no listener for this connection")
