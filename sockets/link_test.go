package sockets

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/require"
)

// role is which end of a connection is ours.
type role string

const (
	asServer role = "server"
	asClient role = "client"
)

// bothRoles runs test in every setting, in both roles.
func bothRoles(t *testing.T, test func(w *world, ours role)) {
	everywhere(t, func(w *world) { w.asBoth(test) })
}

// asBoth runs test in both roles.
func (w *world) asBoth(test func(w *world, ours role)) {
	for _, ours := range []role{asServer, asClient} {
		w.in(string(ours), func(w *world) { test(w, ours) })
	}
}

// terms are what both kinds of upgrade have in common.
type terms struct {
	options Options
	stages  []pipeline.Stage
}

// link is a connection of ours, its handler h, and its peer, which is raw.
type link struct {
	*peer
	h    *handler
	conn *actor.PID
	ours role
}

// connect opens one.
func (w *world) connect(ours role, h *handler, with terms) *link {
	w.Helper()
	l := &link{h: h, ours: ours}
	with.options.Portable = w.portable
	if ours == asServer {
		l.peer = w.upgrade(w.websocket(&UpgradeServer{
			FrameHandler: h.pid, Spawn: h.only(), Options: &with.options, Stages: with.stages,
		}))
	} else {
		l.peer = w.dialled(&UpgradeClient{
			FrameHandler: h.pid, Spawn: h.only(), Options: &with.options, Stages: with.stages,
		})
	}
	l.conn, _ = h.upgraded()
	return l
}

// only is the props of a handler that is no actor yet.
func (h *handler) only() *actor.Props {
	if h.pid != nil {
		return nil
	}
	return h.props
}

// dialled has a client of ours dial a server of the test's, which upgrades it.
func (w *world) dialled(u *UpgradeClient) *peer {
	w.Helper()
	addr, accepted := w.script(func(p *peer) {
		r, err := http.ReadRequest(p.in)
		if err == nil {
			fmt.Fprintf(p, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
				AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
		}
	})
	u.Dialer.TLS = clientTLS()
	o := *cmp.Or(u.Options, &Options{})
	o.Observers = append(o.Observers, w.pairs.observer())
	u.Options = &o
	conn, err := DialActor(w.Context(), w.system, w.url(addr), u)
	require.NoError(w, err)
	w.Cleanup(func() { w.system.Root.StopFuture(conn).Wait() })
	return <-accepted
}

// url is a WebSocket address.
func (w *world) url(addr string) string {
	if w.tls {
		return "wss://" + addr + "/chat"
	}
	return "ws://" + addr + "/chat"
}

// script is a server for one connection: talk is called, in a goroutine, when
// TLS is set up, and must not fail the test; then the connection is handed over.
func (w *world) script(talk func(p *peer)) (addr string, accepted <-chan *peer) {
	l := w.listen()
	done := make(chan struct{})
	talked := make(chan *peer, 1)
	go func() {
		defer close(done)
		nc, err := l.Accept()
		if err != nil {
			return
		}
		if w.tls {
			nc = tls.Server(nc, serverTLS())
		}
		p := w.peerOf(nc)
		talk(p)
		talked <- p
	}()
	w.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String(), talked
}

// encode is the bytes of a peer's frames.
func (l *link) encode(frames ...*frame.Frame) (s string) {
	for _, f := range frames {
		if l.ours == asServer {
			s += masked(f)
		} else {
			s += plain(f)
		}
	}
	return s
}

// write sends frames of the peer's in one piece.
func (l *link) write(frames ...*frame.Frame) {
	l.Helper()
	l.send(l.encode(frames...))
}

// raw is a header of the peer's, masked as it must be, with key 0.
func (l *link) raw(b0, length byte) string {
	if l.ours == asServer {
		return string([]byte{b0, 0x80 | length, 0, 0, 0, 0})
	}
	return string([]byte{b0, length})
}

// part ends TCP as RFC 6455 7.1.1 wants it: the server first.
func (l *link) part() {
	l.Helper()
	if l.ours == asServer {
		l.eof()
	}
	l.Close()
}

// tell sends the connection a message.
func (l *link) tell(message any) { l.system.Root.Send(l.conn, message) }
