package sockets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/router"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// clearAndTLS is for what HTTP alone has a say in.
func clearAndTLS(t *testing.T, test func(w *world)) {
	inEach(t, settings[:2], test)
}

// scripted is a body that has pieces, then an error; it counts how it is treated.
type scripted struct {
	pieces []string
	err    error         // io.EOF if nil
	hold   chan struct{} // waited for in front of the last piece, if there is one
	atEOF  func()

	reads, closes atomic.Int64
	closed        chan struct{}
	once          sync.Once
}

func (b *scripted) Read(p []byte) (int, error) {
	b.reads.Add(1)
	if b.hold != nil && len(b.pieces) == 1 {
		select {
		case <-b.hold:
		case <-b.closed:
			return 0, errors.New("closed")
		}
	}
	if len(b.pieces) == 0 {
		if b.atEOF != nil {
			b.atEOF()
		}
		if b.err != nil {
			return 0, b.err
		}
		return 0, io.EOF
	}
	n := copy(p, b.pieces[0])
	b.pieces = b.pieces[1:]
	return n, nil
}

func (b *scripted) Close() error {
	b.closes.Add(1)
	b.once.Do(func() { close(b.closed) })
	return nil
}

func pieces(s ...string) *scripted { return &scripted{pieces: s, closed: make(chan struct{})} }

func (b *scripted) isClosed(w *world) {
	w.Helper()
	select {
	case <-b.closed:
	case <-time.After(testTimeout):
		require.FailNow(w, "body is not closed")
	}
	assert.EqualValues(w, 1, b.closes.Load(), "closed once")
}

// answers are responses that a listener may give, and the handler of net/http's that
// says the same.
var answers = []struct {
	name    string
	request string
	answer  func() *http.Response
	handler func(w http.ResponseWriter, r *http.Request)
}{
	{"a body that fails half-way", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		func() *http.Response {
			b := pieces(strings.Repeat("x", 5000))
			b.err = errors.New("disk")
			return &http.Response{StatusCode: 200, Body: b}
		},
		func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte(strings.Repeat("x", 5000)))
			panic(http.ErrAbortHandler)
		}},
	{"a body that fails at once", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		func() *http.Response {
			b := pieces()
			b.err = errors.New("disk")
			return &http.Response{StatusCode: 200, Body: b}
		},
		func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) }},
	{"a body shorter than its length", "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		func() *http.Response { return &http.Response{ContentLength: 10, Body: pieces("short")} },
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "short")
		}},
	{"a body longer than its length", "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
		func() *http.Response { return &http.Response{ContentLength: 4, Body: pieces("much longer")} },
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "4")
			io.WriteString(w, "much longer")
		}},
	{"a length without a body", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		func() *http.Response { return &http.Response{ContentLength: 4} },
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "4")
			w.WriteHeader(200)
		}},
	{"trailers", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		func() *http.Response {
			b := pieces("hello")
			r := &http.Response{Body: b, Trailer: http.Header{"X-Sum": nil}}
			b.atEOF = func() { r.Trailer.Set("X-Sum", "5") }
			return r
		},
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, "hello")
			w.(http.Flusher).Flush()
			w.Header().Set("X-Sum", "5")
		}},
	{"trailers of a client that knows none", "GET / HTTP/1.0\r\n\r\n",
		func() *http.Response {
			return &http.Response{Body: pieces("hello"), Trailer: http.Header{"X-Sum": {"5"}}}
		},
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Trailer", "X-Sum")
			io.WriteString(w, "hello")
			w.(http.Flusher).Flush()
			w.Header().Set("X-Sum", "5")
		}},
	{"no content", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		func() *http.Response { return &http.Response{StatusCode: 204, Body: pieces("not to be seen")} },
		func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) }},
	{"not modified", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		func() *http.Response { return &http.Response{StatusCode: 304, Body: pieces("not to be seen")} },
		func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(304) }},
	{"HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		func() *http.Response { return &http.Response{ContentLength: 5, Body: pieces("hello")} },
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5")
			w.WriteHeader(200)
		}},
	{"a short body", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
		func() *http.Response { return &http.Response{Body: pieces("hello")} },
		func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "hello") }},
	{"a body that panics", "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
		func() *http.Response {
			b := pieces(strings.Repeat("x", 5000))
			b.atEOF = func() { panic("body") }
			return &http.Response{StatusCode: 200, Body: b}
		},
		func(w http.ResponseWriter, r *http.Request) {
			w.Write([]byte(strings.Repeat("x", 5000)))
			panic("body")
		}},
}

// What a listener answers arrives as from a handler of net/http's that says the same,
// and its body is closed.
func TestAnswersAreNetHTTPs(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		for _, test := range answers {
			w.in(test.name, func(w *world) {
				theirs := quiet(http.HandlerFunc(test.handler))
				want := w.record(w.run(&theirs), test.request)
				given := make(chan *http.Response, 2)
				got := w.record(w.listening(&Server{}, respond(func(*http.Request) any {
					r := test.answer()
					given <- r
					return r
				})), test.request)
				assert.Equal(w, want, got)
				if b, ok := (<-given).Body.(*scripted); ok {
					b.isClosed(w)
				}
			})
		}
	})
}

// A status that is none is the listener's mistake, and is said to be.
func TestInvalidStatus(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		for _, status := range []int{-1, 1, 99, 1000} {
			b := pieces("hello")
			logged := new(lines)
			s := &Server{}
			addr := w.listening(s, respond(func(*http.Request) any { return &http.Response{StatusCode: status, Body: b} }), logged.to)
			p := w.dial(addr)
			p.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
			a := p.answer("GET")
			assert.Equal(w, 500, a.StatusCode)
			p.eof()
			b.isClosed(w)
			logged.has(w, fmt.Sprintf("status=%d", status), "path=/x", "peer="+p.LocalAddr().String())
		}
	})
}

// A body without an end in the answer to a HEAD, or that says it has none, is not read.
func TestBodyThatNobodyWants(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		for _, test := range []struct {
			method string
			status int
		}{{"HEAD", 200}, {"GET", 204}, {"GET", 304}} {
			b := pieces(strings.Split(strings.Repeat("x", 1000), "")...)
			addr := w.listening(&Server{}, respond(func(*http.Request) any { return &http.Response{StatusCode: test.status, Body: b} }))
			p := w.dial(addr)
			p.send(test.method + " / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
			assert.Equal(w, test.status, p.answer(test.method).StatusCode)
			p.eof()
			b.isClosed(w)
			assert.Zero(w, b.reads.Load(), "reads")
		}
	})
}

// What a listener says in pieces arrives in pieces.
func TestStreamedAnswer(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		for name, r := range map[string]*http.Response{
			"event stream":     {Header: http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}}},
			"unknown length":   {ContentLength: -1},
			"whatever, but on": {},
		} {
			w.in(name, func(w *world) {
				b := pieces("data: 1\n\n", "data: 2\n\n")
				b.hold = make(chan struct{})
				r.Body = b
				addr := w.listening(&Server{}, respond(func(*http.Request) any { return r }))
				p := w.dial(addr)
				p.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
				got, err := http.ReadResponse(p.in, nil)
				require.NoError(w, err)
				first := make([]byte, 9)
				_, err = io.ReadFull(got.Body, first)
				require.NoError(w, err)
				assert.Equal(w, "data: 1\n\n", string(first))
				close(b.hold)
				rest, err := io.ReadAll(got.Body)
				require.NoError(w, err)
				assert.Equal(w, "data: 2\n\n", string(rest))
				p.eof()
				b.isClosed(w)
			})
		}
	})
}

// lines is what a server logs.
type lines struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(p)
}

// to makes a server log here.
func (l *lines) to(s *Server) { s.ErrorLog = log.New(l, "", 0) }

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

// has requires that all parts were logged.
func (l *lines) has(w *world, parts ...string) {
	w.Helper()
	require.True(w, until(func() bool {
		for _, part := range parts {
			if !strings.Contains(l.String(), part) {
				return false
			}
		}
		return true
	}), "%q in %s", parts, l)
}

// What is no answer is a 500 at once, and one line of the log.
func TestWrongAnswers(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		for _, wrong := range []any{
			"hello", []byte("hello"), 42, http.Response{}, UpgradeServer{}, nil, (*http.Response)(nil), frame.Text("hello"),
			errors.New("no"), http.Header{},
		} {
			w.in(fmt.Sprintf("%T", wrong), func(w *world) {
				logged := new(lines)
				addr := w.listening(&Server{AnswerTimeout: time.Hour}, respond(func(*http.Request) any { return wrong }), logged.to)
				p := w.dial(addr)
				p.send("GET /where HTTP/1.1\r\nHost: a\r\n\r\n")
				a := p.answer("GET")
				assert.Equal(w, 500, a.StatusCode)
				p.eof()
				logged.has(w, fmt.Sprintf("type=%T", wrong), "path=/where")
				assert.Equal(w, 1, strings.Count(logged.String(), "\n"))
			})
		}
	})
}

// A slow client's body is read before the listener is asked: it keeps nobody waiting.
func TestSlowBodyStallsNobody(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		addr := w.listening(&Server{BodyTimeout: 100 * soon}, respond(func(r *http.Request) any {
			got, err := io.ReadAll(r.Body)
			return &http.Response{Body: body(fmt.Sprintf("%q %v", got, err))}
		}))
		slow := w.dial(addr)
		slow.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
		p := w.dial(addr)
		p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
		assert.Equal(w, `"hi" <nil>`, p.answer("POST").body)
		slow.send("llo")
		assert.Equal(w, `"hello" <nil>`, slow.answer("POST").body)
		slow.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n")
		assert.Equal(w, `"ab" <nil>`, slow.answer("POST").body)
		// Nor does one that says it is of a handshake.
		for method, want := range map[string]string{"POST": `"hello" <nil>`, "GET": `"" sockets: a handshake has no body`} {
			slow = w.dial(addr)
			slow.send(method + " / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhe")
			p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
			assert.Equal(w, `"hi" <nil>`, p.answer("POST").body)
			slow.send("llo")
			assert.Equal(w, want, slow.answer(method).body)
		}
	})
}

// A body has a limit and a time, whoever reads it.
func TestBodyBounds(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		read := respond(func(r *http.Request) any {
			_, err := io.ReadAll(r.Body)
			return &http.Response{Body: body(fmt.Sprint(err))}
		})
		for _, test := range []struct {
			name, request string
			maxBody       int64
			status        int
			body          string
		}{
			{"declared too long", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\n", 5, 413, "body is too large\n"},
			{"declared too long, and expected", "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n", 5, 413, "body is too large\n"},
			{"too long in chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n", 5, 413, "body is too large\n"},
			{"broken", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", 5, 400, "body cannot be read\n"},
			{"as long as may be", "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", 5, 200, "<nil>"},
			{"late", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel", 5, 408, "body has not come in time\n"},
			{"of a handshake", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\n", 5, 200, "sockets: a handshake has no body"},
			{"of no handshake", "POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nhello!\r\n", 5, 413, "body is too large\n"},
			{"late, and the listener reads", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel", -1, 200, ""},
		} {
			w.in(test.name, func(w *world) {
				addr := w.listening(&Server{MaxBody: test.maxBody, BodyTimeout: soon}, read)
				p := w.dial(addr)
				p.send(test.request)
				a := p.answer("POST")
				assert.Equal(w, test.status, a.StatusCode)
				if test.body != "" {
					assert.Equal(w, test.body, a.body)
				} else {
					assert.Contains(w, a.body, "i/o timeout")
				}
				p.eof()
			})
		}
	})
}

// A listener that answers without reading the body is as quick as a handler of net/http's, which waits for no body that
// it has not asked for, or that is too long to be read for nothing.
func TestAnswerWithoutTheBody(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		addr := w.listening(&Server{MaxBody: -1, BodyTimeout: time.Hour}, respond(func(*http.Request) any { return &http.Response{StatusCode: 403} }))
		for _, lines := range []string{"Expect: 100-continue\r\nContent-Length: 5", "Content-Length: 500000"} {
			p := w.dial(addr)
			p.send("POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n\r\n")
			a := p.answer("POST")
			assert.Equal(w, 403, a.StatusCode)
			assert.True(w, a.Close)
			p.Close() // for which net/http waits, as for the body
		}
	})
}

// The time of a body ends with the body: what the listener then takes is its own.
func TestBodyTimeEndsWithTheBody(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		for _, maxBody := range []int64{0, -1} {
			addr := w.listening(&Server{MaxBody: maxBody, BodyTimeout: 5 * soon}, respond(func(r *http.Request) any {
				got, _ := io.ReadAll(r.Body)
				select {
				case <-r.Context().Done():
					return &http.Response{Body: body("given up")}
				case <-time.After(10 * soon):
				}
				return &http.Response{Body: body(string(got))}
			}))
			p := w.dial(addr)
			for range 2 {
				p.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
				assert.Equal(w, "hello", p.answer("POST").body)
			}
			p.Close()
		}
	})
}

// A client that takes nothing of its answer is not waited for, however long the whole
// may take.
func TestAnswerThatNobodyReads(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		b := &endless{closed: make(chan struct{})}
		addr := w.listening(&Server{AnswerStall: 10 * soon}, respond(func(*http.Request) any { return &http.Response{Body: b} }))
		p := w.dial(addr)
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		select {
		case <-b.closed:
		case <-time.After(testTimeout):
			require.FailNow(w, "the answer goes on")
		}
	})
}

type endless struct {
	once   sync.Once
	closed chan struct{}
}

func (*endless) Read(p []byte) (int, error) { return len(p), nil }
func (b *endless) Close() error             { b.once.Do(func() { close(b.closed) }); return nil }

// An event stream that is silent for longer than anything may stall goes on.
func TestQuietStreamIsNoStall(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		from, to := io.Pipe()
		addr := w.listening(&Server{AnswerStall: soon}, respond(func(*http.Request) any {
			return &http.Response{ContentLength: -1, Body: from}
		}))
		p := w.dial(addr)
		p.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		got, err := http.ReadResponse(p.in, nil)
		require.NoError(w, err)
		for range 3 {
			time.Sleep(2 * soon)
			io.WriteString(to, "x")
			_, err := io.ReadFull(got.Body, make([]byte, 1))
			require.NoError(w, err)
		}
		to.Close()
		p.rest()
	})
}

// A request whose client has reset is given up, at once and by the server too; one whose
// client has only closed its sending half is answered.
func TestResetIsNotAHalfClose(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		served := make(chan struct{})
		asked := make(chan *actor.PID, 1)
		s := &Server{AnswerTimeout: time.Hour}
		addr := w.listening(s, func(ctx actor.Context) {
			if _, ok := ctx.Message().(*http.Request); ok {
				asked <- ctx.Sender()
			}
		}, func(s *Server) {
			s.ConnState = func(_ net.Conn, state http.ConnState) {
				if state == http.StateClosed {
					served <- struct{}{}
				}
			}
		})
		p := w.dial(addr)
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		conn := <-asked
		p.reset()
		select {
		case <-served:
		case <-time.After(testTimeout):
			require.FailNow(w, "still waits for the listener")
		}
		late := pieces("too late")
		w.system.Root.Send(conn, &http.Response{Body: late})
		late.isClosed(w)
		gone(w, conn)

		p = w.dial(addr)
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		conn = <-asked
		p.half()
		time.Sleep(2 * soon)
		w.system.Root.Send(conn, &http.Response{Body: body("still there")})
		assert.Equal(w, "still there", p.answer("GET").body)
		<-served

		p = w.dial(addr) // and then resets
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		conn = <-asked
		p.half()
		time.Sleep(2 * soon)
		p.reset()
		<-served
		gone(w, conn)
	})
}

// A stream whose client has reset ends, also while it has nothing to say.
func TestStreamOfAClientThatLeft(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		for _, r := range []*http.Response{{ContentLength: -1}, {}} {
			b := pieces("x", "y")
			b.hold = make(chan struct{})
			r.Body = b
			addr := w.listening(&Server{}, respond(func(*http.Request) any { return r }))
			p := w.dial(addr)
			p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
			_, err := p.in.Peek(1)
			require.NoError(w, err)
			p.reset()
			b.isClosed(w)
		}
	})
}

// The listener may be a router: requests go to one of many, each answers for itself.
func TestListenersBehindARouter(t *testing.T) {
	clearAndTLS(t, func(w *world) {
		block := make(chan struct{})
		pool := w.system.Root.Spawn(router.NewRoundRobinPool(4, actor.WithFunc(func(ctx actor.Context) {
			if r, ok := ctx.Message().(*http.Request); ok {
				if r.URL.Path == "/slow" {
					<-block
				}
				ctx.Respond(&http.Response{Body: body(r.URL.Path)})
			}
		})))
		s := &Server{Server: quiet(nil), System: w.system, Listener: pool, AnswerTimeout: time.Hour}
		addr := w.run(s)
		slow := w.dial(addr)
		slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
		time.Sleep(soon)
		for i := range 3 {
			p := w.dial(addr)
			p.send(fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i))
			assert.Equal(w, fmt.Sprintf("/%d", i), p.answer("GET").body)
			p.Close()
		}
		close(block)
		assert.Equal(w, "/slow", slow.answer("GET").body)
		w.system.Root.Stop(pool)
		gone(w, pool)
		slow.send("GET /again HTTP/1.1\r\nHost: a\r\n\r\n")
		assert.GreaterOrEqual(w, slow.answer("GET").StatusCode, 500) // at once
	})
}

// Over HTTP/2 a stream that is silent goes on, one whose client cancels it ends, trailers
// arrive and a body that fails resets the stream.
func TestAnswersOverHTTP2(t *testing.T) {
	w := newWorld(t, settings[1])
	quietOne, cancelled := pieces("x", "y"), pieces("x", "y")
	quietOne.hold, cancelled.hold = make(chan struct{}), make(chan struct{})
	failing := pieces("half")
	failing.err = errors.New("disk")
	summed := &http.Response{Body: pieces("hello"), ContentLength: 5, Trailer: http.Header{"X-Sum": {"5"}}}
	addr := w.listening(&Server{AnswerStall: soon}, respond(func(r *http.Request) any {
		switch r.URL.Path {
		case "/quiet":
			return &http.Response{ContentLength: -1, Body: quietOne}
		case "/cancelled":
			return &http.Response{ContentLength: -1, Body: cancelled}
		case "/failing":
			return &http.Response{Body: failing}
		}
		return summed
	}))
	transport := &http.Transport{TLSClientConfig: clientTLS(), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: testTimeout}

	r, err := client.Get("https://" + addr + "/quiet")
	require.NoError(t, err)
	require.Equal(t, 2, r.ProtoMajor)
	time.Sleep(5 * soon)
	close(quietOne.hold)
	got, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	assert.Equal(t, "xy", string(got))

	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, "GET", "https://"+addr+"/cancelled", nil)
	require.NoError(t, err)
	r, err = client.Do(request)
	require.NoError(t, err)
	cancel()
	r.Body.Close()
	cancelled.isClosed(w)

	r, err = client.Get("https://" + addr + "/failing")
	if err == nil {
		_, err = io.ReadAll(r.Body)
		r.Body.Close()
	}
	require.Error(t, err)
	failing.isClosed(w)

	r, err = client.Get("https://" + addr + "/summed")
	require.NoError(t, err)
	got, err = io.ReadAll(r.Body)
	require.NoError(t, err)
	assert.Equal(t, "hello", string(got))
	assert.Equal(t, "5", r.Trailer.Get("X-Sum"))
}
