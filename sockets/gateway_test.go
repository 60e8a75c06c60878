package sockets

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// proxied puts a Proxy in front of backend and returns its address.
func (w *world) proxied(backend string, change ...func(p *Proxy)) string {
	target, scheme := &url.URL{Scheme: "ws", Host: backend, Path: "/behind"}, "s"
	if w.tls {
		target.Scheme += scheme
	}
	p := NewProxy(target)
	p.System = w.system
	p.Options, p.Backend = &Options{Portable: w.portable}, &Options{Portable: w.portable}
	p.Dialer.TLS = clientTLS()
	for _, f := range change {
		f(p)
	}
	return w.dropIn(p)
}

// A header of the answer does not choose where the backend has chosen no subprotocol.
func TestGatewayKeepsToTheBackendsChoice(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler(echo)
	p := NewProxy(&url.URL{Scheme: "ws", Host: w.websocket(&UpgradeServer{FrameHandler: h.pid})})
	p.System = w.system
	addr := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Sec-WebSocket-Protocol", "one")
		p.ServeHTTP(rw, r)
	}))
	client := w.dial(addr)
	client.send(handshake(addr, "Sec-WebSocket-Protocol: one, two"))
	a := client.answer("GET")
	assert.Equal(w, http.StatusSwitchingProtocols, a.StatusCode)
	assert.Empty(w, a.Header["Sec-Websocket-Protocol"])
	client.Close()
	h.untilClosed()
}

// nobody is an address at which none listens. A port that was free a moment ago may be the next server's.
const nobody = "127.0.0.1:1"

func TestGateway(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler(echo)
		backend := w.websocket(&UpgradeServer{FrameHandler: h.pid, Header: http.Header{"Set-Cookie": {"a=b"}},
			Options: &Options{Subprotocols: []string{"two"}}})
		addr := w.proxied(backend)
		p := w.dial(addr)
		p.send(strings.Replace(handshake(addr, "Sec-WebSocket-Protocol: one, two", "Cookie: c=d", "X-Forwarded-For: forged", "Keep-Alive: 5",
			"Origin: https://"+addr), "/chat", "/chat/1?x=y", 1))
		r := p.answer("GET")
		require.Equal(w, 101, r.StatusCode)
		require.Equal(w, "two", r.Header.Get("Sec-WebSocket-Protocol"))
		require.Equal(w, "a=b", r.Header.Get("Set-Cookie"))
		conn, u := h.upgraded()
		require.Equal(w, "/behind/chat/1?x=y", u.Request.URL.String())
		require.Equal(w, "two", u.Subprotocol)
		require.Equal(w, addr, u.Request.Host)
		head := u.Request.Header
		for name, want := range map[string]string{"Cookie": "c=d", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": addr, "Keep-Alive": "",
			"Origin": "https://" + addr, "User-Agent": ""} {
			assert.Equal(w, want, head.Get(name), name)
		}
		assert.NotEqual(w, sampleKey, head.Get("Sec-WebSocket-Key"))

		p.send(masked(frame.Text("hello")))
		require.Equal(w, "hello", p.frame().String())
		p.send(masked(frame.Fragment(frame.OpBinary, false, []byte("a"))), masked(frame.Ping([]byte("ping"))),
			masked(frame.Fragment(frame.OpContinuation, true, []byte("b"))))
		require.Equal(w, "pong ping", fmt.Sprint(opcodeAnd(p.frame())))
		require.Equal(w, "binary ab", fmt.Sprint(opcodeAnd(p.frame())))
		w.system.Root.Request(conn, frame.Ping([]byte("from behind")))
		require.Equal(w, "ping from behind", opcodeAnd(p.frame()))
		p.send(masked(frame.Pong([]byte("from behind"))))
		h.text("hello")
		h.text("ab")
		require.Equal(w, "from behind", string(expect[*RoundTripTime](h).Payload))
		p.send(masked(frame.Close(4001, "bye")))
		p.closes(4001)
		p.Close()
		end := expect[*Closed](h)
		require.Equal(w, "4001 bye true", fmt.Sprint(int(end.Code), " ", end.Reason, " ", end.Clean))
	})
}

// What a server or a mux has installed counts for a Proxy's clients as well, but for what is the backend's affair, and what would
// make of a message something else than what is carried over.
func TestGatewayUnderInstalledOptions(t *testing.T) {
	h := newWorld(t, bare).handler(echo)
	w := h.world
	choose := func(*http.Request) (string, error) { return "one", nil }
	backend := w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: &Options{Subprotocols: []string{"two"}, AllowedOrigins: []string{"https://a.example"}}})
	target := &url.URL{Scheme: "ws", Host: backend}
	for name, o := range map[string]*Options{
		"of the mux": {Subprotocols: []string{"one"}, RequireSubprotocol: true, ChooseSubprotocol: choose, Stream: true, StreamOver: 1},
		"its own":    nil,
	} {
		p := NewProxy(target)
		p.System, p.Dialer.TLS = w.system, clientTLS()
		if o == nil {
			p.Options = &Options{ChooseSubprotocol: choose, RequireSubprotocol: true}
		}
		addr := w.dropIn(WithOptions(o, WithOptions(&Options{AllowedOrigins: []string{"https://a.example"}, MaxMessage: 1000}, p)))
		for _, offer := range []string{"", "Sec-WebSocket-Protocol: one, two"} {
			c := w.dial(addr)
			lines := []string{"Origin: https://a.example"}
			want := ""
			if offer != "" {
				lines, want = append(lines, offer), "two"
			}
			c.send(handshake(addr, lines...))
			r := c.answer("GET")
			require.Equal(t, 101, r.StatusCode, name)
			require.Equal(t, want, r.Header.Get("Sec-WebSocket-Protocol"), name)
			h.upgraded()
			c.send(masked(frame.Fragment(frame.OpText, false, []byte("a"))), masked(frame.Fragment(frame.OpContinuation, true, []byte("b"))))
			require.Equal(t, "text ab", opcodeAnd(c.frame()))
			h.text("ab")
			c.send(masked(frame.Text(strings.Repeat("x", 1001))))
			c.closes(frame.TooBig)
			c.Close()
			expect[*Closed](h)
		}
		c := w.dial(addr)
		c.send(handshake(addr, "Origin: https://b.example"))
		require.Equal(t, 403, c.answer("GET").StatusCode, name)
		c.Close()
	}
}

func opcodeAnd(f *frame.Frame) string { return f.Opcode.String() + " " + f.String() }

// Either side's end is the other's, with its code.
func TestGatewayEnds(t *testing.T) {
	for name, test := range map[string]struct {
		end            func(w *world, p *peer, conn *actor.PID)
		client, behind frame.Code // 0: none is read; what Closed says
	}{
		"client closes":       {func(w *world, p *peer, _ *actor.PID) { p.send(masked(frame.Close(4002, "a"))) }, 4002, 4002},
		"client without code": {func(w *world, p *peer, _ *actor.PID) { p.send(masked(frame.Close(frame.NoStatus, ""))) }, frame.NoStatus, frame.NoStatus},
		"client resets":       {func(w *world, p *peer, _ *actor.PID) { p.reset() }, 0, frame.GoingAway},
		"client's mistake":    {func(w *world, p *peer, _ *actor.PID) { p.send("\x8f\x80\x00\x00\x00\x00") }, 1002, 1002},
		"backend closes":      {func(w *world, _ *peer, c *actor.PID) { w.system.Root.Send(c, frame.Close(4003, "b")) }, 4003, 4003},
		"backend restarts": {func(w *world, _ *peer, c *actor.PID) {
			w.system.Root.Send(c, &Leave{Code: frame.ServiceRestart})
		}, frame.ServiceRestart, frame.ServiceRestart},
		"backend is lost": {func(w *world, _ *peer, c *actor.PID) { w.system.Root.Send(c, &Cut{}) }, frame.BadGateway, frame.Abnormal},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				h := w.handler()
				p := w.upgrade(w.proxied(w.websocket(&UpgradeServer{FrameHandler: h.pid})))
				conn, _ := h.upgraded()
				p.send(masked(frame.Text("before")))
				h.text("before")
				test.end(w, p, conn)
				if test.client > 0 {
					code, _ := p.frame().CloseStatus()
					require.Equal(w, test.client, code)
					p.send(masked(frame.Close(code, "")))
					p.Close()
				}
				require.Equal(w, test.behind, expect[*Closed](h).Code)
			})
		})
	}
}

// What is on its way when either side says its last word arrives before the answer to that.
func TestGatewayAnswersFirst(t *testing.T) {
	const bad = "\x8f\x80\x00\x00\x00\x00"
	for name, last := range map[string]struct {
		word string // the client's
		code frame.Code
	}{
		"close":   {masked(frame.Close(4001, "bye")), 4001},
		"mistake": {bad, frame.ProtocolError},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				h := w.handler(echo)
				p := w.upgrade(w.proxied(w.websocket(&UpgradeServer{FrameHandler: h.pid})))
				p.send(masked(frame.Text("one")) + masked(frame.Text("two")) + last.word)
				require.Equal(w, "one", p.frame().String())
				require.Equal(w, "two", p.frame().String())
				p.closes(last.code)
				p.Close()
				h.upgraded()
				h.text("one")
				h.text("two")
				require.Equal(w, last.code, expect[*Closed](h).Code)
			})
		})
	}
	t.Run("backend", func(t *testing.T) {
		everywhere(t, func(w *world) {
			h := w.handler()
			p := w.upgrade(w.proxied(w.websocket(&UpgradeServer{FrameHandler: h.pid})))
			conn, _ := h.upgraded()
			w.system.Root.Send(conn, frame.Text("question"))
			w.system.Root.Send(conn, frame.Close(4002, ""))
			require.Equal(w, "question", p.frame().String())
			p.closes(4002)
			p.send(masked(frame.Text("answer")), masked(frame.Close(4002, "")))
			p.Close()
			h.text("answer")
			require.Equal(w, frame.Code(4002), expect[*Closed](h).Code)
		})
	})
	t.Run("half", func(t *testing.T) {
		w := newWorld(t, bare)
		h := w.handler(echo)
		p := w.upgrade(w.proxied(w.websocket(&UpgradeServer{FrameHandler: h.pid})))
		p.send(masked(frame.Text("last")))
		p.half()
		require.Equal(w, "last", p.frame().String())
		h.upgraded()
		h.text("last")
		require.Equal(w, frame.GoingAway, expect[*Closed](h).Code)
	})
}

func TestGatewayRefusals(t *testing.T) {
	w := newWorld(t, bare)
	asked := 0
	page := strings.Repeat("who are you, ", 1000) // a page to log in, say
	backend := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked++
		rw.Header().Set("WWW-Authenticate", "Basic")
		http.Error(rw, page, http.StatusUnauthorized)
	}))
	get := func(addr, request string) answer {
		p := w.dial(addr)
		p.send(request)
		return p.answer("GET")
	}
	addr := w.proxied(backend)
	r := get(addr, handshake(addr))
	assert.Equal(w, 401, r.StatusCode)
	assert.Equal(w, "Basic", r.Header.Get("WWW-Authenticate"))
	assert.Equal(w, page+"\n", r.body)
	assert.True(w, r.Close)
	assert.Equal(w, 1, asked)
	// The backend is not troubled with what is refused here.
	assert.Equal(w, 403, get(addr, handshake(addr, "Origin: https://evil.example")).StatusCode)
	assert.Equal(w, 426, get(addr, "GET / HTTP/1.1\r\nHost: "+addr+"\r\n\r\n").StatusCode)
	assert.Equal(w, 1, asked)
	addr = w.proxied(backend, func(p *Proxy) {
		p.Plain = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { io.WriteString(rw, "page") })
	})
	assert.Equal(w, "page", get(addr, "GET / HTTP/1.1\r\nHost: "+addr+"\r\n\r\n").body)

	addr = w.proxied(nobody)
	assert.Equal(w, 502, get(addr, handshake(addr)).StatusCode)
	addr = w.proxied(backend, func(p *Proxy) { p.Rewrite = nil })
	assert.Equal(w, 502, get(addr, handshake(addr)).StatusCode)
	silence := w.listen()
	defer silence.Close()
	addr = w.proxied(silence.Addr().String(), func(p *Proxy) { p.Dialer.Timeout = 50 * time.Millisecond })
	assert.Equal(w, 504, get(addr, handshake(addr)).StatusCode)
}

// What the backend is asked is what an httputil.ReverseProxy would ask: a query without what this side cannot parse, which
// whoever has looked at it here has not seen, or another request altogether.
func TestGatewayRewrites(t *testing.T) {
	w := newWorld(t, bare)
	asked := make(chan string, 1)
	backend := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked <- r.URL.RawQuery + " " + r.Header.Get("By")
		http.Error(rw, "no", http.StatusForbidden)
	}))
	target := &url.URL{Scheme: "http", Host: backend}
	usual := NewProxy(target).Rewrite
	for _, rewrite := range []func(r *httputil.ProxyRequest){
		func(r *httputil.ProxyRequest) { usual(r); r.Out.Header.Set("By", "rewriting") },
		func(r *httputil.ProxyRequest) {
			usual(r)
			r.Out = r.Out.Clone(r.Out.Context())
			r.Out.Header.Set("By", "rewriting")
		},
	} {
		ours := w.proxied(backend, func(p *Proxy) { p.Rewrite = rewrite })
		theirs := w.dropIn(&httputil.ReverseProxy{Rewrite: rewrite})
		for query, want := range map[string]string{
			"b=2&a=1":            "b=2&a=1",
			"a=%2f&a=%2F&b":      "a=%2f&a=%2F&b",
			"user=me;user=other": "",
			"a=1&b=2;c=3&d=4":    "a=1&d=4",
			"a=%zz&b=2":          "b=2",
			"a=1&b=%":            "a=1",
		} {
			for _, addr := range []string{theirs, ours} {
				p := w.dial(addr)
				p.send(strings.Replace(handshake(addr), "/chat", "/chat?"+query, 1))
				require.Equal(t, 403, p.answer("GET").StatusCode)
				assert.Equal(t, want+" rewriting", <-asked, query)
				p.Close()
			}
		}
	}
}

// A server's observers hear of each handshake with a Proxy, whose backend it may have been that refused, and when it began.
func TestGatewayIsObserved(t *testing.T) {
	everywhere(t, func(w *world) {
		h, seen, asked := w.handler(), new(pairs), make(chan func() (path string, at time.Time), 2)
		upgrading := w.upgrading(&UpgradeServer{FrameHandler: h.pid})
		backend := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			path, now := r.URL.Path, time.Now()
			asked <- func() (string, time.Time) { return path, now }
			if path != "/yes" {
				http.Error(rw, "no", http.StatusForbidden)
				return
			}
			upgrading.ServeHTTP(rw, r)
		}))
		silent := w.listen()
		defer silent.Close()
		routes := http.NewServeMux()
		for path, to := range map[string]string{"/yes": backend, "/no": backend, "/gone": nobody, "/silent": silent.Addr().String()} {
			target := &url.URL{Scheme: "http", Host: to}
			if w.tls {
				target.Scheme = "https"
			}
			p := NewProxy(target)
			p.System, p.Dialer.TLS, p.Options, p.Backend = w.system, clientTLS(), &Options{Portable: w.portable}, &Options{Portable: w.portable}
			if path == "/silent" {
				p.Dialer.Timeout = soon
			}
			routes.Handle(path, p)
		}
		s := &Server{Server: quiet(routes), System: w.system, Observers: []*Observer{seen.observer()}}
		addr := w.run(s)
		for path, status := range map[string]int{"/yes": 101, "/no": 403, "/gone": 502, "/silent": 504} {
			p := w.dial(addr)
			p.send(strings.Replace(handshake(addr), "/chat", path, 1))
			require.Equal(w, status, p.answer("GET").StatusCode, path)
			p.Close()
		}
		h.untilClosed()
		require.NoError(w, s.Shutdown(w.Context()))
		seen.judge(w)
		seen.mu.Lock()
		defer seen.mu.Unlock()
		require.Len(w, seen.closed, 1)
		require.Len(w, seen.refused, 3)
		began := map[string]time.Time{}
		for c := range seen.open {
			began[c.Path] = c.Began
		}
		for _, r := range seen.refused {
			assert.Equal(w, map[string]int{"/no": 403, "/gone": 502, "/silent": 504}[r.Path], r.Status, r.Path)
			assert.Equal(w, r.Path, r.Request.URL.Path)
			assert.Equal(w, r.Path == "/no", errors.As(r.Err, new(*HandshakeError)), r.Path)
			began[r.Path] = r.Began
		}
		for range 2 {
			path, at := (<-asked)()
			assert.True(w, began[path].Before(at), "%s has begun before the backend was asked", path)
		}
	})
}

// A client that leaves while the backend is asked fills no log. A backend that cannot be reached is told.
func TestGatewayLogs(t *testing.T) {
	everywhere(t, func(w *world) {
		silent := w.listen()
		defer silent.Close()
		logged, seen := new(lines), &pairs{news: make(chan struct{}, 1)}
		routes := http.NewServeMux()
		for path, to := range map[string]string{"/silent": silent.Addr().String(), "/gone": nobody} {
			p := NewProxy(&url.URL{Scheme: "http", Host: to})
			p.System = w.system
			routes.Handle(path, p)
		}
		s := &Server{Server: quiet(routes), System: w.system, Observers: []*Observer{seen.observer()}}
		logged.to(s)
		addr := w.run(s)
		for _, path := range []string{"/silent", "/gone"} {
			p := w.dial(addr)
			p.send(strings.Replace(handshake(addr), "/chat", path, 1))
			if path == "/silent" {
				nc, err := silent.Accept()
				require.NoError(w, err)
				defer nc.Close()
			} else {
				require.Equal(w, 502, p.answer("GET").StatusCode)
			}
			p.Close()
			<-seen.news
		}
		assert.Contains(w, logged.String(), "path=/gone")
		assert.NotContains(w, logged.String(), "path=/silent")
	})
}

// A message of any length goes either way in memory that does not grow, and neither side is read
// faster than the other takes it.
func TestGatewayIsFlat(t *testing.T) {
	size := 200 << 20
	if testing.Short() {
		size = 16 << 20
	}
	w := newWorld(t, bare)
	open := &Options{Stream: true, MaxMessage: -1, MaxFrame: -1, MaxFragments: -1, MessageTime: -1}
	ready := make(chan *Conn, 1)
	backend := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c, err := Accept(rw, r, open)
		if assert.NoError(w, err) {
			ready <- c
			<-c.Done()
		}
	}))
	p := w.upgrade(w.proxied(backend))
	c := <-ready
	ctx := t.Context()
	piece := bytes.Repeat([]byte("0123456789abcdef"), 1<<10)
	want := sha256.New()
	for range size / len(piece) {
		want.Write(piece)
	}
	before, most := heap(), 0

	// Up: nothing is read behind for a while, so that the client has to wait.
	sent := make(chan int, size/len(piece))
	go func() {
		p.Conn.SetDeadline(time.Now().Add(time.Minute))
		head := frame.AppendHeader(nil, frame.Header{Fin: true, Opcode: frame.OpBinary, Masked: true, Length: int64(size)})
		p.Conn.Write(head)
		for range size / len(piece) {
			if _, err := p.Conn.Write(piece); err != nil {
				return
			}
			sent <- 1
		}
	}()
	total := func() (n int) { return len(sent) * len(piece) }
	for last := -1; total() != last; { // until it waits, or has sent all
		last = total()
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	require.Less(w, total(), size, "the client need not wait")
	_, r, err := c.Reader(ctx)
	require.NoError(w, err)
	got := sha256.New()
	n, err := io.CopyBuffer(struct{ io.Writer }{got}, lookedAt{r, func() { most = max(most, heap()) }}, make([]byte, 1<<20))
	require.NoError(w, err)
	require.EqualValues(w, size, n)
	require.Equal(w, want.Sum(nil), got.Sum(nil))

	// Down.
	go func() {
		if wr, err := c.Writer(ctx, frame.OpBinary); assert.NoError(w, err) {
			for range size / len(piece) {
				wr.Write(piece)
			}
			assert.NoError(w, wr.Close())
		}
	}()
	got.Reset()
	for i := 0; ; i++ {
		f := p.frame()
		got.Write(f.Payload)
		if i%1000 == 0 {
			most = max(most, heap())
		}
		if f.Fin {
			break
		}
	}
	require.Equal(w, want.Sum(nil), got.Sum(nil))
	assert.Less(w, most, before+8<<20)
	p.Close()
	_, err = c.Receive(ctx)
	assert.Equal(w, frame.GoingAway, CloseCode(err))
}

// lookedAt looks now and then while it is read.
type lookedAt struct {
	io.Reader
	look func()
}

func (r lookedAt) Read(b []byte) (int, error) {
	if len(b) > 0 && b[0] == 0 {
		r.look()
	}
	return r.Reader.Read(b)
}
