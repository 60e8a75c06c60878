package sockets

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wrapping is what logging and tracing do to a ResponseWriter.
type wrapping struct {
	http.ResponseWriter
	status int
}

func (w *wrapping) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *wrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// sealed hides what it wraps.
type sealed struct{ http.ResponseWriter }

func TestMiddlewareThatWraps(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler(echo)
		upgrading := w.upgrading(&UpgradeServer{FrameHandler: h.pid})
		addr := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			upgrading.ServeHTTP(&wrapping{ResponseWriter: &wrapping{ResponseWriter: rw}}, r)
		}))
		p := w.upgrade(addr)
		h.upgraded()
		p.send(masked(frame.Text("hello")))
		p.bytes(plain(frame.Text("hello")))
		h.text("hello")
		p.Close()
		expect[*Closed](h)
	})
}

// What cannot be hijacked answers 500, and the handler hears nothing of it.
func TestWriterThatCannotBeHijacked(t *testing.T) {
	for _, host := range hosts {
		t.Run(host.name, func(t *testing.T) {
			w := newWorld(t, bare)
			h := w.handler()
			upgrading := w.upgrading(&UpgradeServer{FrameHandler: h.pid})
			addr := w.dropIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				upgrading.ServeHTTP(sealed{rw}, r)
			}))
			p := w.dial(addr)
			p.send(handshake(addr), handshake(addr))
			a := p.answer("GET")
			assert.Equal(t, http.StatusInternalServerError, a.StatusCode)
			assert.Regexp(t, "^connection cannot be upgraded: sockets.sealed has neither Hijack nor Unwrap[^\n]+\n$", a.body)
			assert.True(t, a.Close)
			p.eof()
		})
	}
}

// A recorder is the usual stand-in for a server.
func TestRecorder(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	rec := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/chat", nil)
	for name, value := range map[string]string{
		"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": sampleKey,
	} {
		r.Header.Set(name, value)
	}
	(&Handler{System: w.system, FrameHandler: h.pid}).ServeHTTP(rec, r)
	assert.Equal(t, http.StatusInternalServerError, rec.Code)
	r.Header.Del("Upgrade")
	rec = httptest.NewRecorder()
	(&Handler{System: w.system, FrameHandler: h.pid}).ServeHTTP(rec, r)
	assert.Equal(t, http.StatusUpgradeRequired, rec.Code)
}

// pipeWriter is hijacked into one end of a net.Pipe: a connection that is no
// socket.
type pipeWriter struct {
	http.ResponseWriter
	nc net.Conn
}

func (p *pipeWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return p.nc, bufio.NewReadWriter(bufio.NewReader(p.nc), bufio.NewWriter(p.nc)), nil
}

func TestConnectionThatIsNoSocket(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler(echo)
	ours, theirs := net.Pipe()
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewBufferString(handshake("a.example"))))
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		Upgrade(w.system, &pipeWriter{httptest.NewRecorder(), ours}, r, &UpgradeServer{FrameHandler: h.pid})
	}()
	p := w.peerOf(theirs)
	p.bytes(switched())
	<-done
	h.upgraded()
	p.send(masked(frame.Text("hello")))
	p.bytes(plain(frame.Text("hello")))
	h.text("hello")
	theirs.Close()
	assert.Equal(t, frame.Abnormal, expect[*Closed](h).Code)
}

// A handler that is upgraded when its client has left already answers nobody.
func TestRequestThatIsOver(t *testing.T) {
	w := newWorld(t, bare)
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewBufferString(handshake("a.example"))))
	require.NoError(t, err)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	mute := w.system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
	defer w.system.Root.StopFuture(mute).Wait()
	s := &Server{System: w.system, Listener: mute}
	rec := httptest.NewRecorder()
	s.ask(rec, r.WithContext(over))
	assert.Equal(t, http.StatusServiceUnavailable, rec.Code)
}

// hijacking is a ResponseWriter whose Hijack is a middleware's.
type hijacking struct {
	http.ResponseWriter
	http.Hijacker
}

type hijack func() (net.Conn, *bufio.ReadWriter, error)

func (h hijack) Hijack() (net.Conn, *bufio.ReadWriter, error) { return h() }

// A middleware's Hijack that panics, or returns nothing, is answered with 500. It costs no place below a cap, and
// Shutdown does not wait for what has not come of it.
func TestHijackOfMiddleware(t *testing.T) {
	var within http.ResponseWriter // of the request under way
	for name, test := range map[string]struct {
		hijacker http.Hijacker
		body     string // of the 500; "": it is upgraded
	}{
		"nil":            {nil, "Hijack has panicked"},
		"panics":         {hijack(func() (net.Conn, *bufio.ReadWriter, error) { panic("secret") }), "Hijack has panicked"},
		"nil connection": {hijack(func() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, nil }), "Hijack of *sockets.hijacking has returned no connection"},
		"nil buffers": {hijack(func() (net.Conn, *bufio.ReadWriter, error) {
			nc, _, err := within.(http.Hijacker).Hijack()
			return nc, nil, err
		}), ""},
		"a zero's buffer": {hijack(func() (net.Conn, *bufio.ReadWriter, error) {
			nc, _, err := within.(http.Hijacker).Hijack()
			return nc, &bufio.ReadWriter{}, err
		}), ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			logged := new(lines)
			accept := func(rw http.ResponseWriter, r *http.Request) {
				c, err := Accept(rw, r, nil)
				if err != nil {
					assert.EqualError(t, err, "connection cannot be upgraded: "+test.body)
					return
				}
				c.Close(frame.Normal, "")
			}
			routes := map[string]http.Handler{
				"accept":  http.HandlerFunc(accept),
				"session": Session(func(context.Context, *Conn) error { return nil }),
			}
			for name, route := range routes {
				s := &Server{System: w.system, MaxConns: 4, Server: quiet(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/chat" && r.Header.Get("Odd") != "" {
						within = rw
						rw = &hijacking{rw, test.hijacker}
					}
					route.ServeHTTP(rw, r)
				}))}
				logged.to(s)
				addr := w.run(s)
				for range 4 {
					p := w.dial(addr)
					p.send(handshake(addr, "Odd: yes"))
					if test.body == "" {
						p.bytes(switched())
						p.bytes(plain(frame.Close(frame.Normal, "")))
					} else {
						a := p.answer("GET")
						assert.Equal(t, 500, a.StatusCode, name)
						assert.Equal(t, "connection cannot be upgraded: "+test.body+"\n", a.body)
					}
					p.Close()
					require.True(t, until(func() bool { return s.Connections() == 0 }))
				}
				p := w.admitted(addr)
				p.bytes(plain(frame.Close(frame.Normal, "")))
				p.Close()
				ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
				defer cancel()
				require.NoError(t, s.Shutdown(ctx), name)
			}
			assert.Equal(t, name == "panics", strings.Contains(logged.String(), "secret"))
		})
	}
}
