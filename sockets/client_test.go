package sockets

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// replying is a script that reads a request and answers it; ACCEPT stands for
// the accept hash.
func (w *world) replying(answer string) (addr string, seen <-chan *http.Request, accepted <-chan *peer) {
	requests := make(chan *http.Request, 1)
	addr, accepted = w.script(func(p *peer) {
		if r, err := http.ReadRequest(p.in); err == nil {
			requests <- r
			io.WriteString(p, strings.ReplaceAll(answer, "ACCEPT", AcceptKey(r.Header.Get("Sec-WebSocket-Key"))))
		}
	})
	return addr, requests, accepted
}

const agreed = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ACCEPT\r\n"

// client is what tests dial with.
func (w *world) client(h *handler) *UpgradeClient {
	return &UpgradeClient{
		FrameHandler: h.pid,
		Spawn:        h.only(),
		Options:      &Options{Portable: w.portable},
		Dialer:       Dialer{TLS: clientTLS()},
	}
}

// ended closes what a test has dialled.
func (w *world) ended(conn *actor.PID) { w.system.Root.StopFuture(conn).Wait() }

func TestDialIPv6(t *testing.T) {
	w := newWorld(t, bare)
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skip(err)
	}
	h := w.handler(echo)
	s := quiet(w.foreign(&UpgradeServer{FrameHandler: h.pid}))
	served := make(chan error)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		<-served
	})
	mine := w.handler()
	conn, err := DialActor(t.Context(), w.system, "ws://"+l.Addr().String(), w.client(mine))
	require.NoError(t, err)
	w.system.Root.Send(conn, frame.Text("hello"))
	mine.upgraded()
	mine.text("hello")
	w.ended(conn)
}

// A context that is over already leaves nothing behind, however far DialActor has come.
func TestDialGivenUp(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	h.mortal = true // some come too far
	addr := w.websocket(&UpgradeServer{FrameHandler: h.pid})
	mine := w.handler()
	first, err := DialActor(t.Context(), w.system, w.url(addr), w.client(mine)) // with the first connection come the pollers, which stay
	require.NoError(t, err)
	w.ended(first)
	before := w.count()
	for i := range 100 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*10*time.Microsecond)
		if conn, err := DialActor(ctx, w.system, w.url(addr), w.client(mine)); err == nil {
			w.ended(conn)
		}
		cancel()
	}
	// The handlers outlive the connections, so that they are told of every end.
	require.True(t, until(func() bool { return !w.count().More(before) }))
}

// RFC 6455 5.3: every frame has a mask, a fresh one.
func TestMasks(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		l := w.connect(asClient, h, terms{})
		keys := map[[4]byte]bool{}
		for range 50 {
			l.tell(frame.Text("hello"))
			l.tell(frame.Ping([]byte("x")))
		}
		for range 100 {
			f := l.frame()
			require.True(w, f.Masked)
			require.Contains(w, []string{"hello", "x"}, f.String())
			keys[f.Key] = true
		}
		assert.Greater(w, len(keys), 98, "of 100 keys")
		l.tell(frame.Close(frame.Normal, ""))
		require.True(w, l.frame().Masked)
		l.Close()
		expect[*Closed](h)

		var n byte
		l = w.connect(asClient, h, terms{options: Options{MaskGen: func() [4]byte { n++; return [4]byte{n, 2, 3, 4} }}})
		l.tell(frame.Text("a"))
		l.tell(frame.Text("b"))
		l.bytes("\x81\x81\x01\x02\x03\x04\x60\x81\x81\x02\x02\x03\x04\x60")
		l.Close()
		expect[*Closed](h)
	})
}

// A dialled connection's socket may come from anywhere.
func TestNetDial(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler(echo)
		addr := w.websocket(&UpgradeServer{FrameHandler: h.pid})
		mine := w.handler()
		u := w.client(mine)
		u.Dialer.NetDial = func(ctx context.Context, network, to string) (net.Conn, error) {
			assert.Equal(w, map[bool]string{true: "tcp localhost:443", false: "tcp localhost:80"}[w.tls], network+" "+to)
			return net.Dial("tcp", addr)
		}
		conn, err := DialActor(w.Context(), w.system, w.url("localhost"), u)
		require.NoError(w, err)
		w.system.Root.Send(conn, frame.Text("hello"))
		mine.upgraded()
		mine.text("hello")
		w.ended(conn)
		assert.Equal(w, frame.GoingAway, expect[*Closed](mine).Code)
	})
}

// A NetDial that returns nothing at all fails the dial, and nothing else.
func TestNetDialReturnsNothing(t *testing.T) {
	w := newWorld(t, bare)
	nothing := Dialer{NetDial: func(context.Context, string, string) (net.Conn, error) { return nil, nil }}
	proxied := nothing
	proxied.Proxy = http.ProxyURL(&url.URL{Scheme: "http", Host: "proxy.example"})
	for _, address := range []string{"ws://a.example", "wss://a.example"} {
		for _, d := range []Dialer{nothing, proxied} {
			_, err := Dial(t.Context(), address, &DialOptions{System: w.system, Dialer: d})
			require.ErrorContains(t, err, "NetDial returned neither a conn nor an error")
			_, err = Connect(t.Context(), w.system, address, &d)
			require.ErrorContains(t, err, "NetDial returned neither a conn nor an error")
		}
	}
}

// Both ends ours.
func TestClientAndServer(t *testing.T) {
	everywhere(t, func(w *world) {
		for _, host := range hosts {
			w.in(host.name, func(w *world) {
				h := w.spawned(echo)
				addr := host.start(w, &UpgradeServer{
					Spawn:   h.props,
					Options: &Options{Subprotocols: []string{"chat"}, Compression: new(pipeline.Compression)},
				})
				mine := w.handler()
				u := w.client(mine)
				u.Options.Subprotocols, u.Options.Compression = []string{"x", "chat"}, new(pipeline.Compression)
				conn, err := DialActor(w.Context(), w.system, w.url(addr), u)
				require.NoError(w, err)
				_, up := mine.upgraded()
				assert.Equal(w, "chat", up.Subprotocol)
				assert.True(w, up.Compressed)
				long := strings.Repeat("hello ", 5_000)
				for range 3 {
					w.system.Root.Send(conn, frame.Text(long))
					mine.text(long)
				}
				w.system.Root.Send(conn, frame.Ping([]byte("x")))
				assert.Equal(w, "x", string(expect[*RoundTripTime](mine).Payload))
				w.system.Root.Send(conn, frame.Close(frame.Normal, "bye"))
				assert.Equal(w, &Closed{Code: frame.Normal, Reason: "bye", Clean: true, By: Local}, expect[*Closed](mine))
			})
		}
	})
}

func TestDialWithoutTrust(t *testing.T) {
	w := newWorld(t, settings[1])
	h := w.handler()
	addr := w.websocket(&UpgradeServer{FrameHandler: h.pid})
	u := w.client(h)
	u.Dialer.TLS = nil
	_, err := DialActor(t.Context(), w.system, w.url(addr), u)
	var unknown *tls.CertificateVerificationError
	require.ErrorAs(t, err, &unknown)
	u.Dialer.TLS = clientTLS()
	u.Dialer.TLS.ServerName = "b.example"
	_, err = DialActor(t.Context(), w.system, w.url(addr), u)
	require.ErrorAs(t, err, &unknown)
}
