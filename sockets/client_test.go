package sockets

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
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
					u.Header = http.Header{"Cookie": {"own=3"}}
				},
				answer: "Set-Cookie: new=4\r\n",
				header: http.Header{"Cookie": {"own=3; a=1"}}},
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

// What can be known without the network.
func TestDialMistakes(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	closed := w.listen()
	closed.Close()
	for _, tt := range []struct{ name, address, want string }{
		{"scheme", "ftp://a.example", `scheme "ftp" is not ws or wss`},
		{"no scheme", "a.example/chat", `scheme "" is not ws or wss`},
		{"no host", "ws:///chat", "no host"},
		{"fragment", "ws://a.example/#x", "a WebSocket address has no fragment"},
		{"empty fragment", "ws://a.example/#", "a WebSocket address has no fragment"},
		{"not a URL", "ws://a.example/%zz", `invalid URL escape "%zz"`},
		{"port", "ws://a.example:x/", `invalid port ":x" after host`},
		{"nobody listens", "ws://" + closed.Addr().String(), "connection refused"},
		{"password", "ws://me:secret@" + closed.Addr().String(), "connection refused"},
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

// RFC 6455 4.1: the client judges the answer. What is wrong is a
// *HandshakeError; the connection has ended and the handler heard nothing.
func TestBadAnswers(t *testing.T) {
	long := strings.Repeat("x", 3<<10)
	for _, tt := range []struct {
		name, answer string
		status       int
		why, body    string
	}{
		{"ordinary response", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX-A: b\r\n\r\nhello\n", 200, "server did not upgrade", "hello\n"},
		{"refusal", "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n3\r\nno!\r\n0\r\n\r\n", 403, "server did not upgrade", "no!"},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: ws://b.example/\r\nContent-Length: 0\r\nX-A: b\r\n\r\n", 302, "server did not upgrade", ""},
		{"no content", "HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n", 204, "server did not upgrade", ""},
		{"long body", "HTTP/1.1 500 Oops\r\nX-A: b\r\nContent-Length: 3072\r\n\r\n" + long, 500, "server did not upgrade", long[:1<<10]},
		{"body that is cut off", "HTTP/1.1 500 Oops\r\nX-A: b\r\nContent-Length: 3072\r\n\r\nsome", 500, "server did not upgrade", "some"},
		{"bad body", "HTTP/1.1 500 Oops\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nsome\r\nzz", 500, "server did not upgrade", "some"},
		{"no Upgrade", strings.Replace(agreed, "Upgrade: websocket\r\n", "", 1) + "X-A: b\r\n\r\n", 101, "response has no Upgrade: websocket", ""},
		{"list of Upgrade", strings.Replace(agreed, "Upgrade: websocket\r\n", "Upgrade: websocket, h2c\r\n", 1) + "X-A: b\r\n\r\n", 101, "response has no Upgrade: websocket", ""},
		{"Upgrade twice", strings.Replace(agreed, "Upgrade: websocket\r\n", "Upgrade: websocket\r\nUpgrade: websocket\r\n", 1) + "X-A: b\r\n\r\n", 101, "response has no Upgrade: websocket", ""},
		{"other Upgrade", strings.Replace(agreed, "Upgrade: websocket\r\n", "Upgrade: h2c\r\n", 1) + "X-A: b\r\n\r\n", 101, "response has no Upgrade: websocket", ""},
		{"no Connection", strings.Replace(agreed, "Connection: Upgrade\r\n", "", 1) + "X-A: b\r\n\r\n", 101, "response has no Connection: upgrade", ""},
		{"no accept hash", strings.Replace(agreed, "Sec-WebSocket-Accept: ACCEPT\r\n", "", 1) + "X-A: b\r\n\r\n", 101, "response has a wrong Sec-WebSocket-Accept", ""},
		{"wrong accept hash", strings.Replace(agreed, "ACCEPT", sampleAccept, 1) + "X-A: b\r\n\r\n", 101, "response has a wrong Sec-WebSocket-Accept", ""},
		{"two accept hashes", agreed + "Sec-WebSocket-Accept: ACCEPT\r\nX-A: b\r\n\r\n", 101, "response has a wrong Sec-WebSocket-Accept", ""},
		{"subprotocol in other case", agreed + "Sec-WebSocket-Protocol: CHAT\r\nX-A: b\r\n\r\n", 101, "server chose a subprotocol that was not offered", ""},
		{"two subprotocols", agreed + "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat\r\nX-A: b\r\n\r\n", 101, "server chose a subprotocol that was not offered", ""},
		{"subprotocols in a line", agreed + "Sec-WebSocket-Protocol: chat, chat\r\nX-A: b\r\n\r\n", 101, "server chose a subprotocol that was not offered", ""},
		{"extension", agreed + "Sec-WebSocket-Extensions: permessage-deflate\r\nX-A: b\r\n\r\n", 101, "server chose an extension that was not offered", ""},
	} {
		for _, s := range []setting{settings[0], settings[1]} {
			t.Run(s.name+"/"+tt.name, func(t *testing.T) {
				w := newWorld(t, s)
				h := w.handler()
				addr, _, accepted := w.replying(tt.answer)
				go func() { // a server that has said all
					if p, ok := <-accepted; ok {
						p.Conn.Close()
					}
				}()
				u := w.client(h)
				u.Options.Subprotocols = []string{"chat"}
				_, err := DialActor(t.Context(), w.system, w.url(addr), u)
				var e *HandshakeError
				require.ErrorAs(t, err, &e)
				assert.Equal(t, tt.status, e.Status)
				assert.Equal(t, tt.why, e.Why)
				assert.Equal(t, "b", e.Header.Get("X-A"))
				assert.Equal(t, tt.body, string(e.Body))
				assert.Empty(t, h.all)
			})
		}
	}
}

// Answers that are not HTTP, or do not end.
func TestAnswersThatAreNone(t *testing.T) {
	for _, tt := range []struct{ name, answer string }{
		{"nothing", ""},
		{"garbage", "SSH-2.0-OpenSSH_9.6\r\n\r\n"},
		{"half an answer", agreed},
		{"bad header", "HTTP/1.1 101 Switching Protocols\r\nBad header\r\n\r\n"},
		{"huge header", "HTTP/1.1 101 Switching Protocols\r\n" + strings.Repeat("X: "+strings.Repeat("x", 1000)+"\r\n", 100)},
		{"huge line", "HTTP/1.1 101 " + strings.Repeat("x", 100_000)},
		{"100 again and again", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 10_000)},
	} {
		for _, s := range []setting{settings[0], settings[1]} {
			t.Run(s.name+"/"+tt.name, func(t *testing.T) {
				w := newWorld(t, s)
				h := w.handler()
				addr, _, accepted := w.replying(tt.answer)
				done := make(chan struct{})
				go func() {
					defer close(done)
					p := <-accepted
					p.tcp.CloseWrite()
					io.Copy(io.Discard, p.in)
					p.Close()
				}()
				_, err := DialActor(t.Context(), w.system, w.url(addr), w.client(h))
				require.Error(t, err)
				var e *HandshakeError
				assert.False(t, errors.As(err, &e), "there was no answer: %v", err)
				assert.Empty(t, h.all)
				<-done
			})
		}
	}
}

// A server that never answers is waited for no longer than the context or the
// time limit say, wherever it stops.
func TestServerThatNeverAnswers(t *testing.T) {
	stops := map[string]func(w *world) (addr string){
		"before TLS": func(w *world) string {
			l := w.listen() // nobody accepts
			w.Cleanup(func() { l.Close() })
			return l.Addr().String()
		},
		"before the answer": func(w *world) string {
			addr, _ := w.script(func(p *peer) { http.ReadRequest(p.in) })
			return addr
		},
		"in the answer": func(w *world) string {
			addr, _, _ := w.replying(agreed)
			return addr
		},
		"a byte of the header at a time": func(w *world) string {
			addr, _ := w.script(func(p *peer) { dripping(p, "HTTP/1.1 101 Yes\r\n", "X") })
			return addr
		},
		"interim answers without end": func(w *world) string {
			addr, _ := w.script(func(p *peer) { dripping(p, "", "HTTP/1.1 103 Early\r\n\r\n") })
			return addr
		},
		"a byte of a refusal at a time": func(w *world) string {
			addr, _ := w.script(func(p *peer) { dripping(p, "HTTP/1.1 401 No\r\nContent-Length: 99", "9") })
			return addr
		},
	}
	for name, start := range stops {
		for _, s := range []setting{settings[0], settings[1]} {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				w := newWorld(t, s)
				h := w.handler()

				ctx, cancel := context.WithTimeout(t.Context(), soon)
				defer cancel()
				_, err := DialActor(ctx, w.system, w.url(start(w)), w.client(h))
				require.ErrorIs(t, err, context.DeadlineExceeded)

				ctx, cancel = context.WithCancel(t.Context())
				time.AfterFunc(soon, cancel)
				_, err = DialActor(ctx, w.system, w.url(start(w)), w.client(h))
				require.ErrorIs(t, err, context.Canceled)

				u := w.client(h)
				u.Dialer.Timeout = soon
				_, err = DialActor(t.Context(), w.system, w.url(start(w)), u)
				var timeout net.Error
				require.ErrorAs(t, err, &timeout)
				assert.True(t, timeout.Timeout())
				assert.Empty(t, h.all)
			})
		}
	}
}

// dripping is a server that goes on for ever, slowly.
func dripping(p *peer, first, more string) {
	http.ReadRequest(p.in)
	for _, err := io.WriteString(p.Conn, first); err == nil; _, err = io.WriteString(p.Conn, more) {
		time.Sleep(time.Millisecond)
	}
}

// A context that is over already leaves nothing behind, however far DialActor has come.
func TestDialGivenUp(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	h.mortal = true // some come too far
	addr := w.websocket(&UpgradeServer{FrameHandler: h.pid})
	mine := w.handler()
	first := w.dial(addr) // the server holds all it needs when it has answered once
	first.send("GET / HTTP/1.0\r\n\r\n")
	io.ReadAll(first)
	first.Close()
	before := w.count()
	for i := range 100 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*10*time.Microsecond)
		if conn, err := DialActor(ctx, w.system, w.url(addr), w.client(mine)); err == nil {
			w.ended(conn)
		}
		cancel()
	}
	// The handlers outlive the connections, so that they are told of every end.
	require.True(t, until(func() bool { return !w.count().more(before) }))
}

// A body that stalls does not hide the answer.
func TestRefusalWhoseBodyStalls(t *testing.T) {
	w := newWorld(t, bare)
	addr, _, _ := w.replying("HTTP/1.1 403 Forbidden\r\nContent-Length: 100\r\n\r\nbecause")
	_, err := DialActor(t.Context(), w.system, w.url(addr), w.client(w.handler()))
	var e *HandshakeError
	require.ErrorAs(t, err, &e)
	assert.Equal(t, "403 because", fmt.Sprint(e.Status, " ", string(e.Body)))
}

// Interim answers come first; frames come in the same segment as the 101, or
// byte by byte.
func TestFramesBehindTheAnswer(t *testing.T) {
	everywhere(t, func(w *world) {
		long := strings.Repeat("x", 10_000)
		words := "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" +
			"HTTP/1.1 101 Fine\r\nconnection: keep-alive, UPGRADE\r\nupgrade: WebSocket\r\nsec-websocket-accept: ACCEPT\r\n\r\n" +
			plain(frame.Text("one")) + plain(frame.Text(long)) + plain(frame.Close(frame.Normal, "bye"))
		for _, bytewise := range []bool{false, true} {
			addr, accepted := w.script(func(p *peer) {
				r, err := http.ReadRequest(p.in)
				if err != nil {
					return
				}
				answer := strings.ReplaceAll(words, "ACCEPT", AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
				if bytewise {
					p.trickle(answer)
				} else {
					io.WriteString(p, answer)
				}
			})
			h := w.handler()
			_, err := DialActor(w.Context(), w.system, w.url(addr), w.client(h))
			require.NoError(w, err)
			h.upgraded()
			h.text("one")
			h.text(long)
			p := <-accepted
			p.closes(frame.Normal)
			p.Close()
			assert.Equal(w, &Closed{Code: frame.Normal, Reason: "bye", Clean: true, By: Peer}, expect[*Closed](h))
		}
	})
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

// ask sends a connection a message and waits for the answer.
func (w *world) ask(conn *actor.PID, message any) any {
	result, err := w.system.Root.RequestFuture(conn, message, patience).Result()
	require.NoError(w, err)
	return result
}

func (w *world) get(url string) *http.Request {
	r, err := http.NewRequest("GET", url, nil)
	require.NoError(w, err)
	return r
}

// Connect: requests, and then an upgrade, on one connection.
func TestConnect(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler(echo)
		mux := http.NewServeMux()
		mux.Handle("/", site())
		mux.Handle("/chat", w.upgrading(&UpgradeServer{FrameHandler: h.pid}))
		addr := w.dropIn(mux)
		base := strings.TrimSuffix(w.url(addr), "/chat")
		dialer := &Dialer{TLS: clientTLS()}
		conn, err := Connect(w.Context(), w.system, base+"/chat", dialer)
		require.NoError(w, err)
		defer w.ended(conn)

		futures := []*actor.Future{}
		for range 3 {
			futures = append(futures, w.system.Root.RequestFuture(conn, w.get("http://"+addr+"/hello"), patience))
		}
		for _, f := range futures {
			result, err := f.Result()
			require.NoError(w, err)
			r := result.(*http.Response)
			got, _ := io.ReadAll(r.Body)
			assert.Equal(w, "hello GET HTTP/1.1\n", string(got))
		}
		post, _ := http.NewRequest("POST", "http://"+addr+"/echo", strings.NewReader("body"))
		got, _ := io.ReadAll(w.ask(conn, post).(*http.Response).Body)
		assert.Equal(w, `"body" <nil> map[]`, string(got))
		got, _ = io.ReadAll(w.ask(conn, w.get("http://"+addr+"/chunks")).(*http.Response).Body)
		assert.Equal(w, "chunk 0\nchunk 1\nchunk 2\n", string(got))

		mine := w.handler()
		w.ask(conn, w.client(mine))
		mine.upgraded()
		h.upgraded()
		w.system.Root.Send(conn, frame.Text("hello"))
		mine.text("hello")
		h.text("hello")
		w.system.Root.Send(conn, frame.Close(frame.Normal, ""))
		assert.True(w, expect[*Closed](mine).Clean)
		expect[*Closed](h)
	})
}

// Whoever waits for an answer gets an error when the connection ends.
func TestConnectEnds(t *testing.T) {
	for _, s := range []setting{settings[0], settings[1]} {
		for _, tt := range []struct {
			name string
			end  func(w *world, conn *actor.PID, p *peer)
		}{
			{"by the server", func(_ *world, _ *actor.PID, p *peer) { p.Close() }},
			{"by a reset", func(_ *world, _ *actor.PID, p *peer) { p.reset() }},
			{"by its user", func(w *world, conn *actor.PID, _ *peer) { w.system.Root.Poison(conn) }}, // Stop would overtake
			{"by garbage", func(_ *world, _ *actor.PID, p *peer) { p.send("garbage\r\n\r\n") }},
			{"by an answer that closes", func(_ *world, _ *actor.PID, p *peer) {
				p.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
			}},
		} {
			t.Run(s.name+"/"+tt.name, func(t *testing.T) {
				w := newWorld(t, s)
				h := w.handler()
				addr, accepted := w.script(func(p *peer) { http.ReadRequest(p.in) })
				conn, err := Connect(t.Context(), w.system, w.url(addr), &Dialer{TLS: clientTLS()})
				require.NoError(t, err)
				first := w.system.Root.RequestFuture(conn, w.get("http://"+addr+"/"), patience)
				second := w.system.Root.RequestFuture(conn, w.client(h), patience)
				p := <-accepted
				tt.end(w, conn, p)
				result, err := first.Result()
				require.NoError(t, err)
				if tt.name == "by an answer that closes" {
					assert.Equal(t, 200, result.(*http.Response).StatusCode)
				} else {
					assert.Implements(t, (*error)(nil), result)
				}
				result, err = second.Result()
				require.NoError(t, err)
				assert.Implements(t, (*error)(nil), result)
				gone(w, conn)
				assert.Empty(t, h.all)
			})
		}
	}
}

// An asker that has gone away is no reason to end the connection.
func TestUpgradeForAnAskerThatHasGone(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	proceed := make(chan struct{})
	addr, accepted := w.script(func(p *peer) {
		r, err := http.ReadRequest(p.in)
		if err != nil {
			return
		}
		<-proceed
		fmt.Fprintf(p, "%s", strings.ReplaceAll(agreed+"\r\n", "ACCEPT", AcceptKey(r.Header.Get("Sec-WebSocket-Key"))))
	})
	conn, err := Connect(t.Context(), w.system, w.url(addr), nil)
	require.NoError(t, err)
	_, err = w.system.Root.RequestFuture(conn, w.client(h), time.Millisecond).Result()
	require.Error(t, err)
	close(proceed)
	h.upgraded()
	p := <-accepted
	w.system.Root.Send(conn, frame.Text("still here"))
	require.Equal(t, "still here", p.frame().String())
	p.Close()
	expect[*Closed](h)
}

// A response that is larger than what is kept of it comes cut, and is the last.
func TestConnectLargeResponse(t *testing.T) {
	w := newWorld(t, bare)
	addr := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Write(bytes.Repeat([]byte("x"), 2<<20))
	}))
	conn, err := Connect(t.Context(), w.system, "http://"+addr, nil)
	require.NoError(t, err)
	r := w.ask(conn, w.get("http://"+addr+"/")).(*http.Response)
	got, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	assert.Len(t, got, 1<<20)
	gone(w, conn)
}
