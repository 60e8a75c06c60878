package sockets

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
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
