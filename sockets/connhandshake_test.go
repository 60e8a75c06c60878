package sockets

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// upgradeds is a stage that shows what it sees of Upgraded.
func upgradeds(seen chan<- *Upgraded) pipeline.Stage {
	return func(up, down pipeline.Sink) (onUp, onDown pipeline.Sink) {
		return func(item any) {
			if u, ok := item.(*Upgraded); ok {
				seen <- u
			}
			up(item)
		}, down
	}
}

// The request that a session has is that of the handshake, with all that the mux and middleware have put into it, as often as
// it is asked for.
func TestRequestOfASession(t *testing.T) {
	seen, checked := make(chan *Upgraded, 1), make(chan struct{})
	session := &SessionHandler{
		Stages: []pipeline.Stage{upgradeds(seen)},
		Serve: func(ctx context.Context, c *Conn) error {
			defer close(checked)
			want := <-seen
			r := c.Request()
			assert.Equal(t, *want.Request, *r)
			assert.Equal(t, "7", r.PathValue("room"))
			assert.Equal(t, []string{"a=1", "b=2"}, r.Header["X-Twice"])
			assert.Contains(t, r.Header, "added", "as it was spelled")
			assert.Equal(t, ctx, r.Context())
			assert.Equal(t, "user", ctx.Value(aKey{}))
			assert.Nil(t, c.Response())

			r.Header.Set("X-Twice", "c=3")
			assert.NoError(t, r.ParseForm())
			assert.Equal(t, *want.Request, *c.Request(), "what was changed in the first is not in the second")
			return nil
		},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /chat/{room}", func(w http.ResponseWriter, r *http.Request) {
		r.Header["added"] = []string{"as\nit is"}
		session.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), aKey{}, "user")))
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	c, err := Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http")+"/chat/7?name=ann", &DialOptions{Header: http.Header{"X-Twice": {"a=1", "b=2"}}})
	require.NoError(t, err)
	defer c.Cut()
	<-checked
}

// Request and Response of a client are what it has sent, and what the server has answered.
func TestResponseOfAClient(t *testing.T) {
	for _, head := range []string{
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n",
		"HTTP/1.1 101 Web Socket Protocol Handshake\r\nConnection: keep-alive, upgrade\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\nX-Empty:\r\n",
		"HTTP/1.0 101\r\nConnection: Upgrade\r\nx-a:  b \r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\n",
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		go func() {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			defer nc.Close()
			in := bufio.NewReader(nc)
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			fmt.Fprintf(nc, "%sUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n", head, AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
			in.ReadByte()
		}()
		seen, c := make(chan *Upgraded, 1), newConn()
		_, err = DialActor(t.Context(), nil, "ws://"+l.Addr().String()+"/feed", &UpgradeClient{
			receiver: c.top(), Stages: []pipeline.Stage{upgradeds(seen)}, Options: &Options{Subprotocols: []string{"chat"}},
			Header: http.Header{"X-Twice": {"a=1", "b=2"}},
		})
		require.NoError(t, err)
		_, err = c.whenOpen()
		require.NoError(t, err)
		want := <-seen
		assert.Equal(t, *want.Request, *c.Request(), head)
		assert.Equal(t, *want.Response, *c.Response(), head)
		assert.Equal(t, want.Subprotocol, c.Subprotocol(), head)
		c.Response().Header.Set("Upgrade", "changed")
		assert.Equal(t, *want, *c.asUpgraded(), head)
		c.Cut()
		assert.Equal(t, *want.Response, *c.Response(), "also when it has ended")
	}
}

// The answer of a server has the state of TLS with it, as one of net/http's has; that of a proxy is none of its.
func TestResponseOverTLS(t *testing.T) {
	for _, s := range settings[:2] {
		w := newWorld(t, s)
		secure := func(what string, r *http.Response) {
			require.Equal(w, w.tls, r.TLS != nil, what)
			if w.tls {
				assert.NotEmpty(w, r.TLS.PeerCertificates, what)
			}
		}
		c := w.open(w.session(nil, echoes), nil)
		secure("Dial", c.Response())
		secure("Dial, asked again", c.Response())
		assert.Nil(w, c.Request().TLS)
		again := introduce(c.asUpgraded(), connContext{}).HelloAgain(true).(*Upgraded)
		secure("told again", again.Response)
		assert.Nil(w, again.Request.TLS)

		mux := http.NewServeMux()
		mux.Handle("/", site())
		mux.Handle("/chat", w.upgrading(&UpgradeServer{Spawn: w.spawned().props}))
		conn, err := Connect(w.within(), w.system, w.url(w.dropIn(mux)), &Dialer{TLS: clientTLS()})
		require.NoError(w, err)
		secure("a page", w.ask(conn, w.get("/hello")).(*http.Response))
		mine := w.handler()
		secure("Connect", w.ask(conn, w.client(mine)).(*http.Response))
		_, up := mine.upgraded()
		secure("Upgraded", up.Response)
		w.ended(conn)

		m := middleman{world: w, scheme: "https", target: w.session(nil, echoes)}
		o := &DialOptions{System: w.system, Dialer: Dialer{TLS: clientTLS(), Proxy: http.ProxyURL(m.start())}}
		o.Dialer.TLS.ServerName = "localhost"
		c, err = Dial(w.within(), w.url("a.example"), o)
		require.NoError(w, err)
		secure("by a proxy", c.Response())
		c.Cut()
	}
}
