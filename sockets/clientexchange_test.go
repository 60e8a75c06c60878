package sockets

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An answer belongs to a request that was there before it.
func TestConnectUnasked(t *testing.T) {
	for name, unasked := range map[string]func(p *peer){
		"before any request": func(p *peer) { p.send(okay, "no") },
		"with an answer": func(p *peer) {
			p.reads()
			p.send(okay, "1!", okay, "no")
		},
		"after an answer": func(p *peer) {
			p.reads()
			p.send(okay, "1!")
			time.Sleep(soon)
			p.send(okay, "no")
		},
		"one byte": func(p *peer) { p.send("\n") },
	} {
		everywhere(t, func(w *world) {
			w.in(name, func(w *world) {
				conn, p := w.connected()
				var first *actor.Future
				if strings.Contains(name, "answer") {
					first = w.asked(conn, w.get("http://a.example/1"))
				}
				unasked(p)
				if first != nil {
					assert.Equal(w, "1!", bodyOf(w, outcome(w, first)))
				}
				gone(w, conn)
				p.Close()
			})
		})
	}
}

// A request that comes with an unasked answer gets none of it.
func TestConnectUnaskedIsNobodys(t *testing.T) {
	everywhere(t, func(w *world) {
		conn, p := w.connected()
		first := w.asked(conn, w.get("http://a.example/1"))
		second := w.asked(conn, w.get("http://a.example/2"))
		p.reads()
		p.send(okay, "1!", okay, "no")
		assert.Equal(w, "1!", bodyOf(w, outcome(w, first)))
		assert.Implements(w, (*error)(nil), outcome(w, second))
		gone(w, conn)
	})
}

// A server that ends an idle connection ends its actor.
func TestConnectIdleEnd(t *testing.T) {
	everywhere(t, func(w *world) {
		conn, p := w.connected()
		f := w.asked(conn, w.get("http://a.example/1"))
		p.reads()
		p.send(okay, "1!")
		assert.Equal(w, "1!", bodyOf(w, outcome(w, f)))
		p.Close()
		gone(w, conn)
	})
}

// What net/http would not send is not sent, and harms nobody else.
func TestConnectMistakes(t *testing.T) {
	for name, spoil := range map[string]func(r *http.Request){
		"method":        func(r *http.Request) { r.Method = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET" },
		"method, space": func(r *http.Request) { r.Method = "GET /x" },
		"no URL":        func(r *http.Request) { r.URL = nil },
		"path":          func(r *http.Request) { r.URL.Opaque = "/a HTTP/1.1\r\nX: y" },
		"opaque":        func(r *http.Request) { r.URL.Opaque = "//a/b c" },
		"query":         func(r *http.Request) { r.URL.RawQuery = "a\r\nb" },
		"query, space":  func(r *http.Request) { r.URL.RawQuery = "a HTTP/1.1" },
		"host":          func(r *http.Request) { r.Host = "a\r\nX: y" },
		"host, letters": func(r *http.Request) { r.Host = "ü\r\nX: y" },
		"host, slash":   func(r *http.Request) { r.Host = "a/b" },
		"URL's host":    func(r *http.Request) { r.Host, r.URL.Host = "", "a b" },
		"header name":   func(r *http.Request) { r.Header["X\r\nY"] = []string{"1"} },
		"header space":  func(r *http.Request) { r.Header["X Y"] = []string{"1"} },
		"empty name":    func(r *http.Request) { r.Header[""] = []string{"1"} },
		"header value":  func(r *http.Request) { r.Header["X"] = []string{"1\r\nY: 2"} },
		"NUL":           func(r *http.Request) { r.Header["X"] = []string{"1\x00"} },
		"trailer": func(r *http.Request) {
			r.Method, r.Body, r.ContentLength = "POST", io.NopCloser(strings.NewReader("x")), -1
			r.Trailer = http.Header{"X\r\nY": {"1"}}
		},
		"line feed":   func(r *http.Request) { r.Header["X"] = []string{"1\nY: 2"} },
		"cancelled":   nil,
		"path's line": func(r *http.Request) { r.URL.RawPath, r.URL.Path = "/\r\n", "/\r\n" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			conn, p := w.connected()
			r := w.get("http://a.example/bad")
			if spoil == nil {
				ctx, cancel := context.WithCancel(context.Background())
				cancel()
				r = r.WithContext(ctx)
			} else {
				spoil(r)
			}
			result := w.asked(conn, r)
			next := w.asked(conn, w.get("http://a.example/good"))
			got := p.reads()
			if got.URL.Path == "/%0D%0A" || got.URL.Path == "/\r\n" { // net/url escapes it
				p.send(okay, "ok")
				outcome(w, result)
				got = p.reads()
			} else {
				err, failed := outcome(w, result).(error)
				require.True(t, failed)
				assert.NotContains(t, err.Error(), "\n")
			}
			assert.Equal(t, "/good", got.URL.Path)
			assert.Equal(t, "GET", got.Method)
			p.send(okay, "ok")
			assert.Equal(t, "ok", bodyOf(w, outcome(w, next)))
		})
	}
}

// An error says what was wrong.
func TestConnectErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		do   func(p *peer)
		want string
	}{
		"closed before an answer": {func(p *peer) { p.Close() }, "unexpected EOF"},
		"reset before an answer":  {func(p *peer) { p.reset() }, "connection reset"},
		"line breaks":             {func(p *peer) { p.send("HTTP/1.1 200 OK\r\nbad \x1b[31m\rheader\r\n\r\n") }, `malformed MIME header`},
		"long words":              {func(p *peer) { io.WriteString(p, "HTTP/1.1 "+strings.Repeat("x", 20_000)+"\r\n\r\n") }, "malformed HTTP"},
		"endless header":          {func(p *peer) { io.WriteString(p, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 70_000)) }, "header of the response is too long"},
		"endless interim answers": {func(p *peer) { io.WriteString(p, strings.Repeat("HTTP/1.1 103 Early\r\nX: y\r\n\r\n", 10_000)) }, "header of the response is too long"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			conn, p := w.connected()
			f := w.asked(conn, w.get("http://a.example/"))
			p.reads()
			tt.do(p)
			err, failed := outcome(w, f).(error)
			require.True(t, failed)
			assert.ErrorContains(t, err, tt.want)
			assert.Less(t, len(err.Error()), 600)
			assert.NotRegexp(t, "[\x00-\x1f]", err.Error())
			gone(w, conn)
		})
	}
}

// A jar's own panics are errors of whoever asked.
func TestJarThatPanics(t *testing.T) {
	for _, at := range []string{"Cookies", "SetCookies"} {
		t.Run(at, func(t *testing.T) {
			w := newWorld(t, bare)
			h := w.handler(echo)
			h.mortal = true
			addr := w.websocket(&UpgradeServer{FrameHandler: h.pid})
			u := w.client(w.handler())
			u.Dialer.Jar = panicJar(at)
			_, err := DialActor(t.Context(), w.system, w.url(addr), u)
			require.ErrorContains(t, err, "panic: on purpose")

			conn, err := Connect(t.Context(), w.system, w.url(addr), nil)
			require.NoError(t, err)
			require.ErrorContains(t, w.ask(conn, u).(error), "panic: on purpose")
			w.ended(conn)
			conn, err = Connect(t.Context(), w.system, w.url(addr), &u.Dialer)
			require.NoError(t, err)
			require.ErrorContains(t, w.ask(conn, w.get("/")).(error), "panic: on purpose")
			w.ended(conn)
		})
	}
}

type panicJar string

func (j panicJar) SetCookies(*url.URL, []*http.Cookie) {
	if j == "SetCookies" {
		panic("on purpose")
	}
}

func (j panicJar) Cookies(*url.URL) []*http.Cookie {
	if j == "Cookies" {
		panic("on purpose")
	}
	return nil
}

// An early answer ends a request that the server does not read.
func TestConnectAnswerBeforeTheBody(t *testing.T) {
	w := newWorld(t, bare)
	conn, p := w.connected()
	r, _ := http.NewRequest("POST", "http://a.example/", io.LimitReader(zeros{}, 1<<30))
	f := w.asked(conn, r)
	io.ReadFull(p.in, make([]byte, 100))
	p.send("HTTP/1.1 413 Too Much\r\nContent-Length: 2\r\n\r\nno")
	got := outcome(w, f)
	assert.Equal(t, "no", bodyOf(w, got))
	gone(w, conn)
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
