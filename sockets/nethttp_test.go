package sockets

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// site is an ordinary net/http application.
func site() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "hello %s %s\n", r.Method, r.Proto)
	})
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%q %v %v", body, err, r.Trailer)
	})
	mux.HandleFunc("/ignore", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusAccepted) })
	mux.HandleFunc("/chunks", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		for i := range 3 {
			fmt.Fprintf(w, "chunk %d\n", i)
			w.(http.Flusher).Flush()
		}
		w.Header().Set("X-Sum", "3")
	})
	mux.HandleFunc("/early", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
	})
	mux.HandleFunc("/close", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		io.WriteString(w, "bye\n")
	})
	mux.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) { panic("on purpose") })
	mux.HandleFunc("/late-panic", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "so far\n")
		w.(http.Flusher).Flush()
		panic("on purpose")
	})
	mux.HandleFunc("/abort", func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/hijack", func(w http.ResponseWriter, r *http.Request) {
		nc, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer nc.Close()
		l, _ := rw.ReadString('\n')
		fmt.Fprintf(nc, "hijacked, then %q\n", l)
	})
	mux.HandleFunc("/no-content", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return mux
}

// conversations are requests, in one piece each unless there is a | in it, that
// end the connection.
var conversations = []struct{ name, request string }{
	{"one", "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"keep-alive", "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n|POST /hello HTTP/1.1\r\nHost: a\r\n\r\n|GET /close HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"pipelined", "GET /hello HTTP/1.1\r\nHost: a\r\n\r\nPUT /hello HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyGET /close HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"pipelined behind a close", "GET /close HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"body", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello|GET /close HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"body in chunks, with trailers", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-T: t\r\n\r\nGET /close HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"bad chunk", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n"},
	{"two lengths", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"},
	{"length and chunks", "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
	{"body that nobody reads", "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /close HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"100-continue", "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n|hello"},
	{"100-continue that nobody waits for", "POST /ignore HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"},
	{"another expectation", "GET /hello HTTP/1.1\r\nHost: a\r\nExpect: the-unexpected\r\n\r\n"},
	{"response in chunks, with trailers", "GET /chunks HTTP/1.1\r\nHost: a\r\n\r\n|GET /close HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"response to HTTP/1.0 without chunks", "GET /chunks HTTP/1.0\r\n\r\n"},
	{"HEAD", "HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n|HEAD /chunks HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"HTTP/1.0", "GET /hello HTTP/1.0\r\n\r\n"},
	{"HTTP/1.0 keep-alive", "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n|GET /hello HTTP/1.0\r\n\r\n"},
	{"no content", "GET /no-content HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"early hints", "GET /early HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"wrong method", "GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"not found", "GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"path to clean", "GET /x/../hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"},
	{"no Host", "GET /hello HTTP/1.1\r\n\r\n"},
	{"bad Host", "GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n"},
	{"bad header", "GET /hello HTTP/1.1\r\nHost: a\r\nX Y: z\r\n\r\n"},
	{"bad header value", "GET /hello HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n"},
	{"bad request line", "HELLO\r\n\r\n"},
	{"bad version", "GET /hello HTTP/9.9\r\nHost: a\r\n\r\n"},
	{"preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	{"unknown transfer encoding", "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n"},
	{"header too large", "GET /hello HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("x", 2<<20) + "\r\n\r\n"},
	{"panic", "GET /panic HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"panic in the middle of a response", "GET /late-panic HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"abort", "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n|GET /abort HTTP/1.1\r\nHost: a\r\n\r\n"},
	{"hijacked by a handler", "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n|GET /hijack HTTP/1.1\r\nHost: a\r\n\r\nanything\r\n"},
	{"an upgrade that nobody is there for", "GET /hello HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n"},
	{"half-closed", "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n#"},
	{"nothing", "#"},
	{"half a request", "GET /hello HT#"},
}

var date = regexp.MustCompile(`Date: [^\r]*\r`)

// record is what a server says to a conversation.
func (w *world) record(addr, request string) string {
	p := w.dial(addr)
	defer p.Close()
	words, half := strings.CutSuffix(request, "#")
	var got bytes.Buffer
	for i, part := range strings.Split(words, "|") {
		if i > 0 { // when there was an answer to what came before
			if _, err := p.in.Peek(1); err != nil {
				break
			}
			rest := make([]byte, p.in.Buffered())
			p.in.Read(rest)
			got.Write(rest)
		}
		io.WriteString(p.Conn, part) // a refusal may come before the end of it
	}
	if half {
		p.half()
	}
	io.Copy(&got, p.in)
	return date.ReplaceAllString(got.String(), "Date: now\r")
}

// As long as nobody upgrades, Server is net/http, byte for byte.
func TestSameAsNetHTTP(t *testing.T) {
	for _, s := range []setting{settings[0], settings[1]} {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			theirs := quiet(site())
			reference := w.run(&theirs)
			ours := w.dropIn(site())
			for _, c := range conversations {
				w.in(c.name, func(w *world) {
					want := w.record(reference, c.request)
					got := w.record(ours, c.request)
					assert.Equal(w, want, got)
				})
			}
		})
	}
}

// After a refused upgrade, and before one that succeeds, a connection is
// net/http's as well.
func TestRequestsAroundAnUpgrade(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler(echo)
		mux := http.NewServeMux()
		mux.Handle("/", site())
		mux.Handle("/chat", w.upgrading(&UpgradeServer{FrameHandler: h.pid}))
		p := w.dial(w.dropIn(mux))
		p.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", handshake("a"))
		assert.Equal(w, "hello GET HTTP/1.1\n", p.answer("GET").body)
		assert.Equal(w, `"hi" <nil> map[]`, p.answer("POST").body)
		p.bytes(switched())
		h.upgraded()
		p.send(masked(frame.Text("hello")))
		p.bytes(plain(frame.Text("hello")))
		h.text("hello")
		p.Close()
		expect[*Closed](h)
	})
}

func TestHTTP2(t *testing.T) {
	w := newWorld(t, settings[1])
	h := w.handler()
	mux := http.NewServeMux()
	mux.Handle("/", site())
	mux.Handle("/chat", w.upgrading(&UpgradeServer{FrameHandler: h.pid}))
	addr := w.dropIn(mux)
	transport := &http.Transport{TLSClientConfig: clientTLS(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: testTimeout}
	get := func(path string) answer {
		r, err := client.Get("https://" + addr + path)
		require.NoError(t, err)
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.Equal(t, 2, r.ProtoMajor)
		return answer{r, string(body)}
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { assert.Equal(t, "hello GET HTTP/2.0\n", get("/hello").body) })
	}
	all.Wait()
	assert.Equal(t, "chunk 0\nchunk 1\nchunk 2\n", get("/chunks").body)
	// A WebSocket needs HTTP/1.1 here: that is said as a plain response, in no words of
	// HTTP/1, and costs the other streams nothing.
	dialled := 0
	trace := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if !c.Reused {
			dialled++
		}
	}})
	for _, tt := range []struct {
		method string
		status int
	}{
		{"GET", http.StatusBadRequest},
		{"POST", http.StatusBadRequest},
		{"GET", http.StatusBadRequest},
	} {
		r, err := http.NewRequestWithContext(trace, tt.method, "https://"+addr+"/chat", nil)
		require.NoError(t, err)
		a, err := transport.RoundTrip(r)
		require.NoError(t, err)
		body, err := io.ReadAll(a.Body)
		require.NoError(t, err)
		assert.Equal(t, tt.status, a.StatusCode, tt.method)
		assert.Regexp(t, "^[^\n]+\n$", string(body))
		for _, name := range []string{"Connection", "Upgrade", "Keep-Alive", "Transfer-Encoding"} {
			assert.NotContains(t, a.Header, name)
		}
	}
	assert.Zero(t, dialled, "the connection goes on")
}

func TestHTTP2InActorMode(t *testing.T) {
	w := newWorld(t, settings[1])
	addr := w.listening(&Server{}, respond(func(r *http.Request) any {
		return &http.Response{StatusCode: 200, Body: body(r.URL.Path + " " + r.Proto)}
	}))
	transport := &http.Transport{TLSClientConfig: clientTLS(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: testTimeout}
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			r, err := client.Get(fmt.Sprintf("https://%s/%d", addr, i))
			if assert.NoError(t, err) {
				got, _ := io.ReadAll(r.Body)
				r.Body.Close()
				assert.Equal(t, fmt.Sprintf("/%d HTTP/2.0", i), string(got))
			}
		})
	}
	all.Wait()
}

// states records what ConnState is told.
type states struct {
	mu  sync.Mutex
	all map[net.Conn][]http.ConnState
}

func (s *states) hook(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[net.Conn][]http.ConnState{}
	}
	s.all[c] = append(s.all[c], state)
}

// only is the states of the one connection that there was, when it has come to
// the last.
func (s *states) only(w *world, last http.ConnState) (got []http.ConnState) {
	require.True(w, until(func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, all := range s.all {
			got = append([]http.ConnState(nil), all...)
		}
		return len(s.all) == 1 && got[len(got)-1] == last
	}))
	return got
}

func TestConnState(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		mux := http.NewServeMux()
		mux.Handle("/", site())
		mux.Handle("/chat", w.upgrading(&UpgradeServer{FrameHandler: h.pid}))
		serve := func() (*states, string) {
			s := new(states)
			srv := &Server{Server: quiet(mux), System: w.system}
			srv.ConnState = s.hook
			return s, w.run(srv)
		}

		s, addr := serve()
		p := w.dial(addr)
		p.send("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n")
		p.answer("GET")
		p.send("GET /close HTTP/1.1\r\nHost: a\r\n\r\n")
		p.answer("GET")
		p.eof()
		assert.Equal(w, []http.ConnState{http.StateNew, http.StateActive, http.StateIdle, http.StateActive, http.StateClosed}, s.only(w, http.StateClosed))

		s, addr = serve()
		p = w.upgrade(addr)
		assert.Equal(w, []http.ConnState{http.StateNew, http.StateActive, http.StateHijacked}, s.only(w, http.StateHijacked))
		h.upgraded()
		p.Close()
		expect[*Closed](h)
	})
}

// What the program puts into the contexts is there, for requests and upgrades.
func TestContexts(t *testing.T) {
	type base struct{}
	type conn struct{}
	everywhere(t, func(w *world) {
		h := w.handler()
		upgrading := w.upgrading(&UpgradeServer{FrameHandler: h.pid})
		srv := &Server{System: w.system, Server: quiet(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/chat" {
				upgrading.ServeHTTP(rw, r)
				return
			}
			s, _ := r.Context().Value(http.ServerContextKey).(*http.Server)
			local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
			fmt.Fprintln(rw, r.Context().Value(base{}), r.Context().Value(conn{}), s != nil, local)
		}))}
		srv.BaseContext = func(l net.Listener) context.Context {
			return context.WithValue(context.Background(), base{}, l.Addr().String())
		}
		srv.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, conn{}, c.RemoteAddr().String())
		}
		addr := w.run(srv)
		p := w.dial(addr)
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		assert.Equal(w, fmt.Sprintln(addr, p.LocalAddr(), true, addr), p.answer("GET").body)
		p.send(handshake(addr))
		p.bytes(switched())
		_, u := h.upgraded()
		assert.Equal(w, addr, u.Request.Context().Value(base{}))
		assert.Equal(w, p.LocalAddr().String(), u.Request.Context().Value(conn{}))
		p.Close()
		expect[*Closed](h)
	})
}

// A program's ConnContext may return any context: its upgraded connections are the
// server's all the same.
func TestConnContextOfItsOwn(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		srv := &Server{System: w.system, Server: quiet(w.upgrading(&UpgradeServer{FrameHandler: h.pid}))}
		srv.ConnContext = func(context.Context, net.Conn) context.Context { return context.Background() }
		p := w.upgrade(w.run(srv))
		h.upgraded()
		assert.Equal(w, 1, srv.Connections())
		p.Close()
		expect[*Closed](h)
	})
}

// The program's timeouts hold before an upgrade, and not after it.
func TestTimeouts(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler(echo)
		srv := &Server{System: w.system, Server: quiet(w.upgrading(&UpgradeServer{FrameHandler: h.pid}))}
		srv.ReadTimeout, srv.WriteTimeout, srv.IdleTimeout = 10*soon, 10*soon, soon
		addr := w.run(srv)
		slow := w.dial(addr)
		slow.send("GET / HTTP/1.1\r\n")
		p := w.upgrade(addr)
		h.upgraded()
		assert.NotContains(w, slow.rest(), "HTTP/1.1 101") // the time is up, for both
		slow.Close()
		p.send(masked(frame.Text("hello")))
		p.bytes(plain(frame.Text("hello")))
		h.text("hello")
		p.Close()
		expect[*Closed](h)
	})
}

// Actor mode has a time limit of its own for headers; a server that was given
// one keeps it.
func TestHeaderTimeout(t *testing.T) {
	for _, s := range []setting{settings[0], settings[1]} {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			srv := &Server{Server: http.Server{ReadHeaderTimeout: soon}}
			addr := w.listening(srv, respond(func(*http.Request) any {
				return &http.Response{StatusCode: 200}
			}))
			for _, start := range []string{"", "GET / HT", "GET / HTTP/1.1\r\nHost: a\r\nX"} {
				p := w.dial(addr)
				if _, err := io.WriteString(p.Conn, start); err == nil {
					p.rest()
				} else { // the handshake of TLS has the same time, which a busy machine needs
					assert.True(t, w.tls, err)
				}
			}
			assert.Equal(t, soon, srv.ReadHeaderTimeout)
			var unset Server
			unset.System, unset.Listener = w.system, srv.Listener
			unset.setup()
			assert.Equal(t, 10*time.Second, unset.ReadHeaderTimeout)
			assert.LessOrEqual(t, unset.MaxHeaderBytes, 16<<10)
		})
	}
}

// Without a word of the program's, actor mode waits for nobody for ever; what it says counts.
func TestActorModeHasTime(t *testing.T) {
	w := newWorld(t, bare)
	unset := &Server{System: w.system, Listener: w.system.NewLocalPID("nobody")}
	unset.setup()
	assert.Equal(t, 60*time.Second, unset.IdleTimeout)
	assert.Zero(t, unset.WriteTimeout)
	set := &Server{System: w.system, Listener: unset.Listener}
	set.ReadTimeout = time.Minute
	set.setup()
	assert.Zero(t, set.IdleTimeout, "then it is ReadTimeout, as in net/http")
	idle := w.dial(w.listening(&Server{Server: http.Server{IdleTimeout: soon}}, respond(func(*http.Request) any {
		return &http.Response{StatusCode: 200}
	})))
	idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	assert.Equal(t, 200, idle.answer("GET").StatusCode)
	idle.eof()
}

// Shutdown lets requests end, refuses new ones and returns.
func TestShutdownOfHTTP(t *testing.T) {
	w := newWorld(t, bare)
	asked, proceed := make(chan struct{}), make(chan struct{})
	srv := &Server{System: w.system, Server: quiet(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		close(asked)
		<-proceed
		io.WriteString(rw, "done")
	}))}
	ended := make(chan struct{})
	srv.RegisterOnShutdown(func() { close(ended) })
	addr := w.run(srv)
	idle := w.dial(addr)
	p := w.dial(addr)
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-asked
	done := make(chan error, 1)
	go func() { done <- srv.Shutdown(w.Context()) }()
	<-ended
	_, err := w.dialUntilRefused(addr)
	require.Error(t, err)
	close(proceed)
	a := p.answer("GET")
	assert.Equal(t, "done", a.body)
	p.eof()
	idle.Close()
	require.NoError(t, <-done)
	assert.ErrorIs(t, srv.Serve(w.listen()), http.ErrServerClosed)
}

// Refusals and panics of a listener actor.
func TestActorModeIsHTTP(t *testing.T) {
	for _, s := range []setting{settings[0], settings[1]} {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			addr := w.listening(&Server{}, respond(func(r *http.Request) any {
				switch r.URL.Path {
				case "/body":
					got, err := io.ReadAll(r.Body)
					return &http.Response{Body: body(fmt.Sprintf("%q %v", got, err))}
				case "/empty":
					return &http.Response{StatusCode: http.StatusNoContent}
				case "/long":
					return &http.Response{StatusCode: 200, ContentLength: 5, Body: body("hello")}
				case "/close":
					return &http.Response{StatusCode: 200, Close: true, Body: body("bye")}
				}
				return nil
			}))
			p := w.dial(addr)
			p.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
			assert.Equal(t, `"hello" <nil>`, p.answer("POST").body)
			p.send("HEAD /long HTTP/1.1\r\nHost: a\r\n\r\nGET /empty HTTP/1.1\r\nHost: a\r\n\r\nGET /long HTTP/1.1\r\nHost: a\r\n\r\nGET /close HTTP/1.1\r\nHost: a\r\n\r\nGET /long HTTP/1.1\r\nHost: a\r\n\r\n")
			head := p.answer("HEAD")
			assert.Empty(t, head.body)
			assert.EqualValues(t, 5, head.ContentLength)
			assert.Equal(t, http.StatusNoContent, p.answer("GET").StatusCode)
			assert.Equal(t, "hello", p.answer("GET").body)
			last := p.answer("GET")
			assert.Equal(t, "bye", last.body)
			assert.True(t, last.Close)
			p.eof()
		})
	}
}

// An upgrade without a handler is the program's mistake: 500, and the server
// lives on.
func TestUpgradeWithoutHandler(t *testing.T) {
	w := newWorld(t, bare)
	addr := w.websocket(&UpgradeServer{})
	for range 2 {
		p := w.dial(addr)
		p.send(handshake(addr))
		a := p.answer("GET")
		assert.Equal(t, http.StatusInternalServerError, a.StatusCode)
		p.eof()
	}
}

// unlike is a connection that Go cannot compare: it panics. wrapped can be compared, going by its type.
type unlike struct {
	net.Conn
	_ func()
}
type wrapped struct{ net.Conn }

// unlikely is a listener that makes connections of what there is.
type unlikely struct {
	net.Listener
	of func(net.Conn) net.Conn
}

func (l *unlikely) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		nc = l.of(nc)
	}
	return nc, err
}

// net/http compares no connections, so they may be of any type.
func TestConnectionsThatCannotBeCompared(t *testing.T) {
	for name, of := range map[string]func(net.Conn) net.Conn{
		"by their type": func(nc net.Conn) net.Conn { return unlike{Conn: nc} },
		"by what is in": func(nc net.Conn) net.Conn { return wrapped{unlike{Conn: nc}} },
	} {
		w := newWorld(t, bare)
		h := w.handler(echo)
		terms := w.terms(&UpgradeServer{FrameHandler: h.pid})
		listener := w.system.Root.Spawn(actor.PropsFromFunc(respond(func(r *http.Request) any {
			if IsUpgrade(r) {
				return terms
			}
			return &http.Response{Body: body("page")}
		})))
		t.Cleanup(func() { w.system.Root.StopFuture(listener).Wait() })
		stray := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			w.upgrading(terms).ServeHTTP(rw, r.WithContext(context.Background()))
		})
		for mode, s := range map[string]*Server{
			"drop-in":     {Server: quiet(stray), MaxConns: 1},
			"actor mode":  {Listener: listener},
			"ListenerFor": {ListenerFor: func(net.Conn) *actor.PID { return listener }},
		} {
			t.Run(mode+", "+name, func(t *testing.T) {
				var said lines
				said.to(s)
				s.System = w.system
				l := w.listen()
				done := make(chan struct{})
				go func() {
					defer close(done)
					s.Serve(&unlikely{l, of})
				}()
				defer func() {
					s.Close()
					<-done
				}()
				p := w.dial(l.Addr().String())
				defer p.Close()
				if mode == "actor mode" {
					p.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
					assert.Equal(t, "page", p.answer("GET").body)
					p.eof()
					p = w.dial(l.Addr().String())
					defer p.Close()
				}
				p.send(handshake("a"))
				if mode == "ListenerFor" { // it has to know which one has ended
					assert.Equal(t, 503, p.answer("GET").StatusCode)
					assert.Contains(t, said.String(), "have the net.Listener return pointers")
					return
				}
				p.bytes(switched())
				h.upgraded()
				p.send(masked(frame.Text("hello")))
				p.bytes(plain(frame.Text("hello")))
				p.Close()
				h.untilClosed()
			})
		}
	}
}
