package sockets

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// RFC 6455 4.1: the request.
func TestDialRequest(t *testing.T) {
	everywhere(t, func(w *world) {
		jar, err := cookiejar.New(nil)
		require.NoError(w, err)
		for _, tt := range []struct {
			name   string
			suffix string // of the address
			change func(u *UpgradeClient, addr string)
			answer string
			line   string
			header http.Header
		}{
			{name: "nothing", line: "GET / HTTP/1.1"},
			{name: "path and query", suffix: "/a%20b/c?x=1&y=%2F", line: "GET /a%20b/c?x=1&y=%2F HTTP/1.1"},
			{name: "query alone", suffix: "?x=1", line: "GET /?x=1 HTTP/1.1"},
			{name: "path of its own", suffix: "/a?x=1", line: "GET /b?y=2 HTTP/1.1",
				change: func(u *UpgradeClient, _ string) { u.Path = "/b?y=2" }},
			{name: "path that begins with two slashes", suffix: "/a?x=1", line: "GET //b/c?y=2 HTTP/1.1",
				change: func(u *UpgradeClient, _ string) { u.Path = "//b/c?y=2" }},
			{name: "headers", line: "GET / HTTP/1.1",
				change: func(u *UpgradeClient, _ string) {
					u.Header = http.Header{"Origin": {"https://a.example"}, "x-one": {"1", "2"}, "Sec-WebSocket-Key": {"mine"}, "Connection": {"close"}}
				},
				header: http.Header{"Origin": {"https://a.example"}, "X-One": {"1", "2"}, "Connection": {"Upgrade"}}},
			{name: "host", line: "GET / HTTP/1.1",
				change: func(u *UpgradeClient, _ string) { u.Header = http.Header{"host": {"b.example"}} },
				header: http.Header{"Host": {"b.example"}}},
			{name: "subprotocols", line: "GET / HTTP/1.1",
				change: func(u *UpgradeClient, _ string) { u.Options.Subprotocols = []string{"b", "a"} },
				answer: "Sec-WebSocket-Protocol: a\r\n",
				header: http.Header{"Sec-Websocket-Protocol": {"b, a"}}},
			{name: "subprotocols by header", line: "GET / HTTP/1.1",
				change: func(u *UpgradeClient, _ string) {
					u.Header = http.Header{"sec-websocket-protocol": {"b, a", "b"}}
				},
				answer: "Sec-WebSocket-Protocol: a\r\n",
				header: http.Header{"Sec-Websocket-Protocol": {"b, a"}}},
			{name: "subprotocols by both", line: "GET / HTTP/1.1",
				change: func(u *UpgradeClient, _ string) {
					u.Options.Subprotocols = []string{"c", "a"}
					u.Header = http.Header{"Sec-WebSocket-Protocol": {"a", "b"}}
				},
				answer: "Sec-WebSocket-Protocol: a\r\n",
				header: http.Header{"Sec-Websocket-Protocol": {"c, a, b"}}},
			{name: "compression", line: "GET / HTTP/1.1",
				change: func(u *UpgradeClient, _ string) { u.Options.Compression = new(pipeline.Compression) },
				answer: "Sec-WebSocket-Extensions: permessage-deflate\r\n",
				header: http.Header{"Sec-Websocket-Extensions": {"permessage-deflate; client_no_context_takeover; server_no_context_takeover; client_max_window_bits"}}},
			{name: "cookies", line: "GET / HTTP/1.1",
				change: func(u *UpgradeClient, addr string) {
					scheme := map[bool]string{true: "https", false: "http"}[w.tls]
					jar.SetCookies(&url.URL{Scheme: scheme, Host: addr}, []*http.Cookie{{Name: "a", Value: "1"}})
					u.Dialer.Jar = jar
					u.Header = http.Header{"Cookie": {"own=3", "other=5"}}
				},
				answer: "Set-Cookie: new=4\r\n",
				header: http.Header{"Cookie": {"own=3; other=5; a=1"}}},
		} {
			w.in(tt.name, func(w *world) {
				h := w.handler()
				addr, seen, accepted := w.replying(agreed + tt.answer + "\r\n")
				u := w.client(h)
				if tt.change != nil {
					tt.change(u, addr)
				}
				conn, err := DialActor(w.Context(), w.system, strings.TrimSuffix(w.url(addr), "/chat")+tt.suffix, u)
				require.NoError(w, err)
				defer w.ended(conn)
				r := <-seen
				assert.Equal(w, tt.line, r.Method+" "+r.RequestURI+" "+r.Proto)
				r.Header.Set("Host", r.Host)
				if tt.header["Host"] == nil {
					assert.Equal(w, addr, r.Host)
				}
				for name, values := range tt.header {
					assert.Equal(w, values, r.Header[name], name)
				}
				_, refused := check(r)
				assert.Nil(w, refused, "our own server takes it")
				if tt.name == "cookies" {
					got := jar.Cookies(&url.URL{Scheme: "https", Host: addr})
					assert.Contains(w, fmt.Sprint(got), "new=4")
				}
				_, up := h.upgraded()
				assert.Equal(w, 101, up.Response.StatusCode)
				assert.Equal(w, map[bool]string{true: "a"}[strings.HasPrefix(tt.name, "subprotocols")], up.Subprotocol)
				assert.Equal(w, tt.name == "compression", up.Compressed)
				(<-accepted).Close()
				expect[*Closed](h)
			})
		}
	})
}

func TestDialUserInfo(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	addr, seen, _ := w.replying(agreed + "\r\n")
	conn, err := DialActor(t.Context(), w.system, "ws://me:s%20cret@"+addr, w.client(h))
	require.NoError(t, err)
	user, password, ok := (<-seen).BasicAuth()
	assert.True(t, ok)
	assert.Equal(t, "me s cret", user+" "+password)
	h.upgraded()
	w.ended(conn)

	addr, seen, _ = w.replying(agreed + "\r\n")
	u := w.client(h)
	u.Header = http.Header{"Authorization": {"Bearer x"}}
	conn, err = DialActor(t.Context(), w.system, "ws://me:secret@"+addr, u)
	require.NoError(t, err)
	assert.Equal(t, "Bearer x", (<-seen).Header.Get("Authorization"))
	w.ended(conn)
}

// What can be known without the network.
func TestDialMistakes(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	for _, tt := range []struct{ name, address, want string }{
		{"scheme", "ftp://a.example", `scheme "ftp" is not ws or wss: write ws://host:port/path`},
		{"no scheme", "a.example/chat", `scheme "" is not ws or wss: write ws://host:port/path`},
		{"no host", "ws:///chat", "no host"},
		{"fragment", "ws://a.example/#x", "a WebSocket address has no fragment"},
		{"empty fragment", "ws://a.example/#", "a WebSocket address has no fragment"},
		{"not a URL", "ws://a.example/%zz", `invalid URL escape "%zz"`},
		{"port", "ws://a.example:x/", `invalid port ":x" after host`},
		{"nobody listens", "ws://" + nobody, "connection refused"},
		{"password", "ws://me:secret@" + nobody, "connection refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pid, err := DialActor(t.Context(), w.system, tt.address, w.client(h))
			require.Nil(t, pid)
			require.ErrorContains(t, err, tt.want)
			assert.Regexp(t, "^sockets: dial [^ ]+: [^\n]+$", err.Error())
			assert.NotContains(t, err.Error(), "secret")
		})
	}
	_, err := DialActor(t.Context(), w.system, "ws://a.example", &UpgradeClient{})
	assert.ErrorContains(t, err, "neither FrameHandler nor Spawn")
	_, err = DialActor(t.Context(), w.system, "ws://a.example", nil)
	assert.ErrorContains(t, err, "neither FrameHandler nor Spawn")
}

// What net/http would not send is not sent, and the error names it in a line.
func TestDialUnsendable(t *testing.T) {
	w := newWorld(t, bare)
	for name, spoil := range map[string]func(u *UpgradeClient){
		"header value": func(u *UpgradeClient) { u.Header = http.Header{"X": {"1\r\nY: 2"}} },
		"header name":  func(u *UpgradeClient) { u.Header = http.Header{"X\r\nY": {"2"}} },
		"host":         func(u *UpgradeClient) { u.Header = http.Header{"Host": {"a\r\nX: y"}} },
		"path":         func(u *UpgradeClient) { u.Path = "/a\r\nX: y" },
		"query":        func(u *UpgradeClient) { u.Path = "/a?b c" },
		"subprotocol":  func(u *UpgradeClient) { u.Options.Subprotocols = []string{"a\r\nX: y"} },
		"no token":     func(u *UpgradeClient) { u.Options.Subprotocols = []string{"a b"} },
		"extension":    func(u *UpgradeClient) { u.Header = http.Header{"Sec-WebSocket-Extensions": {"permessage-deflate"}} },
	} {
		t.Run(name, func(t *testing.T) {
			addr, accepted := w.script(func(p *peer) { io.Copy(io.Discard, p.in) })
			u := w.client(w.handler())
			spoil(u)
			_, err := DialActor(t.Context(), w.system, w.url(addr), u)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "\n")
			select {
			case p := <-accepted:
				p.Close()
			default:
			}
		})
	}
}
