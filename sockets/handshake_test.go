package sockets

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// exchange is a request of testdata/handshake.txt and its answer.
type exchange struct {
	name    string
	options Options
	request string
	status  string
	header  []string // "Name: value"
	absent  []string
	body    string
}

func exchanges(t *testing.T) (all []*exchange) {
	text, err := os.ReadFile("testdata/handshake.txt")
	require.NoError(t, err)
	var e *exchange
	body, ended := false, false
	for i, l := range strings.Split(string(text), "\n") {
		if name, ok := strings.CutPrefix(l, "== "); ok {
			e = &exchange{name: name}
			body, ended = false, false
			all = append(all, e)
			continue
		}
		if l == "" || l[0] == '#' {
			continue
		}
		sign, rest := l[0], strings.TrimPrefix(l[1:], " ")
		switch {
		case sign == 'o':
			e.set(t, strings.Fields(l)[1:])
		case sign == '>':
			e.request += rest + "\r\n"
			ended = ended || rest == ""
		case sign == '+':
			e.request += rest
		case sign == '!':
			e.absent = append(e.absent, rest)
		case sign == '<' && e.status == "":
			e.status = rest
		case sign == '<' && rest == "":
			body = true
		case sign == '<' && body:
			e.body += rest
		case sign == '<':
			e.header = append(e.header, rest)
		default:
			require.Fail(t, "cannot read", "line %d", i+1)
		}
	}
	for _, e := range all {
		if !strings.Contains(e.request, "\r\n\r\n") || strings.HasSuffix(e.request, "\r\n0\r\n") {
			e.request += "\r\n"
		}
	}
	return all
}

func (e *exchange) set(t *testing.T, words []string) {
	for _, word := range words {
		switch name, value, _ := strings.Cut(word, "="); name {
		case "subprotocol":
			e.options.Subprotocols = append(e.options.Subprotocols, value)
		case "require":
			e.options.RequireSubprotocol = true
		case "origin":
			e.options.AllowedOrigins = append(e.options.AllowedOrigins, value)
		case "host":
			e.options.AllowedHosts = append(e.options.AllowedHosts, value)
		case "anyorigin":
			e.options.InsecureAnyOrigin = true
		case "compress":
			e.options.Compression = new(pipeline.Compression)
		default:
			require.Fail(t, "no such option", word)
		}
	}
}

// accepted says whether the exchange ends in an upgrade.
func (e *exchange) accepted() bool { return strings.HasPrefix(e.status, "101") }

// to is the exchange with the server at addr.
func (e exchange) to(w *world, addr string) *exchange {
	scheme := "http"
	if w.tls {
		scheme = "https"
	}
	fill := strings.NewReplacer("HOST", addr, "SCHEME", scheme)
	e.request, e.body = fill.Replace(e.request), fill.Replace(e.body)
	return &e
}

// TestHandshake sends every request whole, byte by byte and with another one
// behind it, in every setting and under every host; with -short the refused ones not over TLS.
func TestHandshake(t *testing.T) {
	all := exchanges(t)
	require.Greater(t, len(all), 40)
	in := settings
	if testing.Short() {
		in = []setting{bare, settings[3]}
	}
	inEach(t, in, func(w *world) {
		for _, host := range hosts {
			for _, e := range all {
				if w.portable && !e.accepted() {
					continue // no wire was made
				}
				w.in(host.name+"/"+e.name, func(w *world) {
					h := w.handler(echo)
					addr := host.start(w, &UpgradeServer{FrameHandler: h.pid, Options: &e.options})
					e := e.to(w, addr)
					for _, write := range []func(p *peer){
						func(p *peer) { p.send(e.request) },
						func(p *peer) { p.trickle(e.request) },
					} {
						p := w.dial(addr)
						write(p)
						e.judge(p)
						if e.accepted() {
							h.upgraded()
							p.send(masked(frame.Text("hello")))
							p.bytes(plain(frame.Text("hello")))
							h.text("hello")
							p.Close()
							expect[*Closed](h)
						} else {
							p.eof()
						}
					}
					if !e.accepted() { // what is pipelined behind it is not parsed
						p := w.dial(addr)
						p.send(e.request, handshake(addr), masked(frame.Text("hello")))
						e.judge(p)
						p.eof()
					}
				})
			}
		}
	})
}

func (e *exchange) judge(p *peer) {
	p.Helper()
	a := p.answer(strings.Fields(e.request)[0])
	require.True(p, strings.HasPrefix(a.Status, e.status), "%s %s", a.Status, a.body)
	for _, l := range e.header {
		name, value, _ := strings.Cut(l, ": ")
		assert.Equal(p, []string{value}, a.Header[textproto.CanonicalMIMEHeaderKey(name)], name)
	}
	for _, name := range e.absent {
		assert.NotContains(p, a.Header, textproto.CanonicalMIMEHeaderKey(name))
	}
	if e.accepted() {
		assert.Empty(p, a.body)
		return
	}
	if e.body != "" {
		assert.Equal(p, e.body, strings.TrimSuffix(a.body, "\n"))
	}
	assert.Equal(p, "text/plain; charset=utf-8", a.Header.Get("Content-Type"))
	assert.True(p, a.Close, "Connection: close")
	line := strings.TrimSuffix(a.body, "\n")
	assert.NotEmpty(p, line)
	assert.NotContains(p, line, "\n")
}

// What comes behind an accepted request, in the same segment, is frames.
func TestFramesBehindTheHandshake(t *testing.T) {
	sampled(t, func(w *world) {
		for _, host := range hosts {
			w.in(host.name, func(w *world) {
				h := w.handler(echo)
				addr := host.start(w, &UpgradeServer{FrameHandler: h.pid})
				long := frame.Text(strings.Repeat("x", 10_000)) // more than net/http reads ahead
				words := handshake(addr) + masked(frame.Text("one")) + masked(frame.Ping([]byte("two"))) + masked(long) + masked(frame.Close(frame.Normal, "bye"))
				for _, write := range []func(p *peer){
					func(p *peer) { p.send(words) },
					func(p *peer) { p.trickle(words) },
					func(p *peer) { // in the middle of a frame
						n := len(handshake(addr)) + 3
						p.send(words[:n])
						p.bytes(switched())
						p.send(words[n:])
						p.in.UnreadByte()
					},
				} {
					p := w.dial(addr)
					write(p)
					if b, err := p.in.Peek(1); err == nil && b[0] == 'H' {
						p.bytes(switched())
					} else {
						p.in.ReadByte()
					}
					got := map[string]bool{}
					for range 3 { // the Pong is not the handler's to order
						f := p.frame()
						got[fmt.Sprint(f.Opcode, " ", len(f.Payload))] = true
					}
					assert.Equal(w, map[string]bool{"text 3": true, "pong 3": true, "text 10000": true}, got)
					p.closes(frame.Normal)
					p.eof()
					p.Close()
					h.upgraded()
					h.text("one")
					h.text(long.String())
					assert.Equal(w, &Closed{Code: frame.Normal, Reason: "bye", Clean: true, By: Peer}, expect[*Closed](h))
				}
			})
		}
	})
}

// A handler that is not for WebSockets answers as it likes, and the connection
// lives on.
func TestListenerAnswersWithAResponse(t *testing.T) {
	for _, s := range []setting{settings[0], settings[1]} {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			h := w.handler()
			addr := w.listening(&Server{}, func(ctx actor.Context) {
				r, ok := ctx.Message().(*http.Request)
				switch {
				case !ok:
				case r.URL.Path == "/chat":
					ctx.Respond(&UpgradeServer{FrameHandler: h.pid})
				default:
					ctx.Respond(&http.Response{
						StatusCode: http.StatusTeapot,
						Header:     http.Header{"X-Path": {r.URL.Path}},
						Body:       body("short and stout\n"),
					})
				}
			})
			p := w.dial(addr)
			for _, path := range []string{"/a", "/b"} {
				p.send(strings.Replace(handshake(addr), "/chat", path, 1))
				a := p.answer("GET")
				assert.Equal(t, http.StatusTeapot, a.StatusCode)
				assert.Equal(t, path, a.Header.Get("X-Path"))
				assert.Equal(t, "short and stout\n", a.body)
			}
			p.send(handshake(addr))
			p.bytes(switched())
			h.upgraded()
			p.Close()
			expect[*Closed](h)
		})
	}
}

// Neither a subprotocol nor a header may end a line of the answer.
func TestResponseSplitting(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	evil := "x\r\nInjected: 1\r\n\r\nHTTP/1.1 200 OK"
	addr := w.websocket(&UpgradeServer{
		FrameHandler: h.pid,
		Header: http.Header{
			"X-Evil":                {evil},
			"Bad\r\nInjected":       {"1"},
			"X Y":                   {"1"},
			"X-Good":                {"1", "2"},
			"Sec-Websocket-Accept":  {"mine"},
			"connection":            {"close"},
			"content-length":        {"7"},
			"sec-WebSocket-version": {"12"},
		},
		Options: &Options{Subprotocols: []string{evil, "good"}},
	})
	p := w.dial(addr)
	p.send(handshake(addr, "Sec-WebSocket-Protocol: x", "Sec-WebSocket-Protocol: Injected: 1, good"))
	head := ""
	for !strings.HasSuffix(head, "\r\n\r\n") {
		l, err := p.in.ReadString('\n')
		require.NoError(t, err)
		head += l
	}
	assert.ElementsMatch(t, []string{
		"HTTP/1.1 101 Switching Protocols",
		"Upgrade: websocket",
		"Connection: Upgrade",
		"Sec-WebSocket-Accept: " + sampleAccept,
		"Sec-WebSocket-Protocol: good",
		"X-Evil: x  Injected: 1    HTTP/1.1 200 OK",
		"X-Good: 1",
		"X-Good: 2",
		"sec-WebSocket-version: 12",
	}, strings.Split(strings.TrimSuffix(head, "\r\n\r\n"), "\r\n"))
	h.upgraded()
	p.Close()
	expect[*Closed](h)
}

// In actor mode 16 KiB of header are too many, wherever they are. Elsewhere there is one
// limit, which is net/http's.
func TestHeaderTooLarge(t *testing.T) {
	big := func(n int) string { return strings.Repeat("x", n) }
	all := newWorld(t, bare)
	for _, host := range hosts {
		for _, tt := range []struct {
			name, line string
			status     int
		}{
			{"just under", "X-Padding: " + big(15<<10), 101},
			{"one header", "X-Padding: " + big(16<<10), 431},
			{"key", "Sec-WebSocket-Key: " + big(16<<10), 431},
			{"protocols", "Sec-WebSocket-Protocol: " + big(16<<10), 431},
			{"extensions", "Sec-WebSocket-Extensions: " + strings.Repeat("permessage-deflate; x=1,", 700), 431},
			{"many headers", strings.TrimSuffix(strings.Repeat("A: b\r\n", 3000), "\r\n"), 431},
		} {
			all.in(host.name+"/"+tt.name, func(w *world) {
				h := w.handler()
				addr := host.start(w, &UpgradeServer{
					FrameHandler: h.pid,
					Options:      &Options{Compression: new(pipeline.Compression)},
				})
				p := w.dial(addr)
				p.send(handshake(addr, tt.line))
				a := p.answer("GET")
				if host.name != "actor mode" {
					tt.status = 101
					if tt.name == "key" {
						tt.status = 400
					}
				}
				require.Equal(w, tt.status, a.StatusCode)
				if tt.status == 101 {
					h.upgraded()
					p.Close()
					expect[*Closed](h)
					return
				}
				assert.True(w, a.Close)
			})
		}
	}
}

// In actor mode a header that never ends is not waited for, nor kept.
func TestEndlessHeader(t *testing.T) {
	for _, s := range []setting{settings[0], settings[1]} {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			addr := w.listening(&Server{}, func(actor.Context) {})
			p := w.dial(addr)
			line := "X-Endless: " + strings.Repeat("x", 1<<10) + "\r\n"
			p.send("GET / HTTP/1.1\r\nHost: ", addr, "\r\n", strings.Repeat(line, 20))
			assert.Equal(t, http.StatusRequestHeaderFieldsTooLarge, p.answer("GET").StatusCode)
		})
	}
}

// A client may close its sending half behind a request and still read the answer.
func TestHalfClosedHandshake(t *testing.T) {
	sampled(t, func(w *world) {
		h := w.handler(func(ctx actor.Context) {
			if f, ok := ctx.Message().(*frame.Frame); ok {
				ctx.Respond(f)
			}
		})
		for _, host := range hosts {
			addr, way := host.start(w, &UpgradeServer{FrameHandler: h.pid}), host.name
			for range 5 { // what net/http notices first is chance
				p := w.dial(addr)
				p.send(strings.Replace(handshake(addr), "Sec-WebSocket-Key", "X-Key", 1))
				p.half()
				assert.Equal(w, http.StatusBadRequest, p.answer("GET").StatusCode, way)
				p.eof()

				p = w.dial(addr)
				p.send(handshake(addr), masked(frame.Text("last words")))
				p.half()
				p.bytes(switched())
				p.bytes(plain(frame.Text("last words")))
				p.eof()
				c := h.untilClosed()
				assert.Equal(w, frame.Abnormal, c.Code, way)
				assert.Equal(w, io.ErrUnexpectedEOF, c.Err, way)

				p = w.dial(addr)
				p.send(handshake(addr), masked(frame.Text("a")), masked(frame.Close(frame.Normal, "")))
				p.half()
				p.bytes(switched())
				p.bytes(plain(frame.Text("a")))
				p.bytes(plain(frame.Close(frame.Normal, "")))
				p.eof()
				assert.True(w, h.untilClosed().Clean, way)
			}
		}
	})
}

// RFC 9110 7.8: an Upgrade is named in Connection, which says close besides.
func TestRefusalNamesItsUpgrade(t *testing.T) {
	everywhere(t, func(w *world) {
		addr := w.dropIn(w.upgrading(&UpgradeServer{FrameHandler: w.handler().pid}))
		for request, connection := range map[string]string{
			"GET / HTTP/1.1\r\nHost: a\r\n\r\n":                                            "close, Upgrade", // 426
			"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Other\r\n\r\n": "close",          // 400
		} {
			p := w.dial(addr)
			p.send(request)
			got, _ := io.ReadAll(p.in)
			assert.Contains(w, string(got), "\r\nConnection: "+connection+"\r\n")
			p.Close()
		}
	})
}

// Behind a refusal the connection ends, though the body that was announced has not
// come, or more than was looked at has.
func TestRefusalEnds(t *testing.T) {
	sampled(t, func(w *world) {
		h := w.handler()
		for _, host := range hosts {
			addr, way := host.start(w, &UpgradeServer{FrameHandler: h.pid}), host.name
			for name, request := range map[string]string{
				"no body":      handshake(addr, "Content-Length: 5"),
				"half a body":  handshake(addr, "Content-Length: 5") + "ab",
				"no chunk":     handshake(addr, "Transfer-Encoding: chunked"),
				"half a chunk": handshake(addr, "Transfer-Encoding: chunked") + "5\r\nab",
				"awaited":      handshake(addr, "Content-Length: 5", "Expect: 100-continue"),
				"much behind":  handshake(addr, "Sec-WebSocket-Key: twice") + strings.Repeat("x", 64<<10),
			} {
				p := w.dial(addr)
				p.send(request)
				a := p.answer("GET")
				assert.Equal(w, http.StatusBadRequest, a.StatusCode, "%s %s", way, name)
				assert.True(w, a.Close, "%s %s", way, name)
				p.eof()
				p.Close()
			}
		}
	})
}

func TestIsUpgrade(t *testing.T) {
	valid := http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {sampleKey}}
	with := func(name string, values ...string) http.Header {
		h := valid.Clone()
		h[name] = values
		return h
	}
	for _, tt := range []struct {
		name   string
		method string
		proto  int
		header http.Header
		is     bool
		status int // of Check; 0: nothing is refused
	}{
		{"valid", "GET", 1, valid, true, 0},
		{"another protocol first", "GET", 1, with("Upgrade", "h2c, WebSocket"), true, 0},
		{"in the second header", "GET", 1, with("Upgrade", "h2c", "websocket"), true, 0},
		{"a plain request", "GET", 1, http.Header{}, false, 426},
		{"another protocol", "GET", 1, with("Upgrade", "websocket2"), false, 426},
		{"no version", "GET", 1, with("Sec-Websocket-Version"), true, 426},
		{"no key", "GET", 1, with("Sec-Websocket-Key"), true, 400},
		{"a POST", "POST", 1, valid, true, 400},
		{"a GET over HTTP/2", "GET", 2, valid, false, 400},
		{"a CONNECT over HTTP/2", "CONNECT", 2, http.Header{}, false, 501},
		{"an extended CONNECT", "CONNECT", 2, http.Header{":protocol": {"websocket"}, "Sec-Websocket-Version": {"13"}}, true, 0},
		{"as ExtendedConnect shows it", "GET", 2, http.Header{":protocol": {"websocket"}, "Sec-Websocket-Version": {"13"}}, true, 0},
		{"an extended CONNECT without a version", "CONNECT", 2, http.Header{":protocol": {"websocket"}}, true, 400},
		{"a POST with a protocol", "POST", 2, http.Header{":protocol": {"websocket"}, "Sec-Websocket-Version": {"13"}}, false, 400},
		{"an extended CONNECT to something else", "CONNECT", 2, http.Header{":protocol": {"connect-udp"}}, false, 501},
	} {
		r := &http.Request{Method: tt.method, ProtoMajor: tt.proto, ProtoMinor: 1, Host: "a.example", Header: tt.header, URL: new(url.URL)}
		assert.Equal(t, tt.is, IsUpgrade(r), tt.name)
		err := Check(r)
		if tt.status == 0 {
			assert.NoError(t, err, tt.name)
			continue
		}
		var refusal *Refusal
		require.ErrorAs(t, err, &refusal, tt.name)
		assert.Equal(t, tt.status, refusal.Status, tt.name)
		rec := httptest.NewRecorder()
		(&Handler{Spawn: actor.PropsFromFunc(func(actor.Context) {})}).ServeHTTP(rec, r)
		assert.Equal(t, tt.status, rec.Code, tt.name)
		assert.Equal(t, refusal.Reason+"\n", rec.Body.String(), tt.name)
		if tt.proto == 2 {
			rec.Header().Del("Sec-WebSocket-Version")
			assert.Equal(t, []string{"Content-Type", "X-Content-Type-Options"}, slices.Sorted(maps.Keys(rec.Header())), tt.name)
		}
	}
}

func TestSubprotocols(t *testing.T) {
	r := &http.Request{Header: http.Header{}}
	assert.Empty(t, Subprotocols(r))
	r.Header["Sec-Websocket-Protocol"] = []string{"b, a", " c,,b "}
	assert.Equal(t, []string{"b", "a", "c", "b"}, Subprotocols(r))
}

// The subprotocol may be named in a header of the answer, as with gorilla, where the options name none; and only one that was offered.
func TestSubprotocolInAHeader(t *testing.T) {
	for name, tt := range map[string]struct {
		of      string // whose header it is
		options Options
		named   []string
		want    string
	}{
		"the ResponseWriter's": {"writer", Options{}, []string{"b"}, "b"},
		"the terms'":           {"terms", Options{}, []string{"b"}, "b"},
		"of several":           {"terms", Options{}, []string{"x", "a", "b"}, "a"},
		"not offered":          {"writer", Options{}, []string{"x"}, ""},
		"required":             {"writer", Options{RequireSubprotocol: true}, []string{"b"}, "b"},
		"the options' first":   {"writer", Options{Subprotocols: []string{"a"}}, []string{"b"}, "a"},
		"the options' only":    {"terms", Options{Subprotocols: []string{"x"}}, []string{"b"}, ""},
		"a function's":         {"terms", Options{ChooseSubprotocol: func(*http.Request) (string, error) { return "", nil }}, []string{"b"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			h := w.handler()
			u := w.terms(&UpgradeServer{FrameHandler: h.pid, Options: &tt.options})
			if tt.of == "terms" {
				u.Header = http.Header{"Sec-WebSocket-Protocol": tt.named}
			}
			addr := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if tt.of == "writer" {
					rw.Header().Set("Sec-WebSocket-Protocol", tt.named[0])
				}
				Upgrade(w.system, rw, r, u)
			}))
			p := w.dial(addr)
			p.send(handshake(addr, "Sec-WebSocket-Protocol: a, b"))
			a := p.answer("GET")
			require.Equal(w, http.StatusSwitchingProtocols, a.StatusCode)
			_, up := h.upgraded()
			assert.Equal(w, tt.want, up.Subprotocol)
			assert.Equal(w, tt.want, strings.Join(a.Header["Sec-Websocket-Protocol"], ";"), "once")
			p.Close()
			h.untilClosed()
		})
	}
}
