package sockets

import (
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dialUntilRefused connects until the server listens no more.
func (w *world) dialUntilRefused(addr string) (n int, err error) {
	for late := time.Now().Add(patience); time.Now().Before(late); n++ {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			return n, err
		}
		nc.Close()
	}
	return n, nil
}

func TestListenerThatNeverAnswers(t *testing.T) {
	everywhere(t, func(w *world) {
		addr := w.listening(&Server{AnswerTimeout: soon}, func(actor.Context) {})
		p := w.dial(addr)
		p.send(handshake(addr), handshake(addr))
		a := p.answer("GET")
		assert.Equal(w, http.StatusServiceUnavailable, a.StatusCode)
		assert.Equal(w, "no answer in time\n", a.body)
		assert.True(w, a.Close)
		p.eof()
	})
}

func TestListenerThatDoesNotExist(t *testing.T) {
	everywhere(t, func(w *world) {
		s := &Server{System: w.system, Listener: w.system.NewLocalPID("nobody"), Server: quiet(nil)}
		addr := w.run(s)
		p := w.dial(addr)
		p.send(handshake(addr))
		a := p.answer("GET")
		assert.Equal(w, http.StatusServiceUnavailable, a.StatusCode)
		assert.Equal(w, "no listener\n", a.body)
		p.eof()
	})
}

// The client leaves while the listener thinks; what it then answers is for
// nobody, and the connection is gone.
func TestClientLeavesWhileTheListenerThinks(t *testing.T) {
	for _, reply := range []any{
		&UpgradeServer{},
		&http.Response{StatusCode: 200},
	} {
		for _, leave := range []func(p *peer){func(p *peer) { p.Close() }, (*peer).reset} {
			w := newWorld(t, bare)
			h := w.handler()
			asked := make(chan *actor.PID, 1)
			given := make(chan struct{})
			addr := w.listening(&Server{}, func(ctx actor.Context) {
				if r, ok := ctx.Message().(*http.Request); ok {
					conn := ctx.Sender()
					go func() {
						<-r.Context().Done()
						close(given)
					}()
					asked <- conn
				}
			})
			p := w.dial(addr)
			p.send(handshake(addr))
			conn := <-asked
			leave(p)
			select {
			case <-given:
			case <-time.After(patience):
				require.Fail(t, "request is not given up")
			}
			answer := reply
			if u, ok := reply.(*UpgradeServer); ok {
				answer = w.terms(&UpgradeServer{FrameHandler: h.pid, Options: u.Options})
			}
			w.system.Root.Send(conn, answer)
			gone(w, conn)
		}
	}
}

// gone waits until an actor is no more.
func gone(w *world, pid *actor.PID) {
	require.True(w, until(func() bool {
		_, alive := w.system.ProcessRegistry.GetLocal(pid.Id)
		return !alive
	}))
}

// A listener that stops has been asked for the last time.
func TestListenerStops(t *testing.T) {
	w := newWorld(t, bare)
	addr := w.listening(&Server{AnswerTimeout: soon}, func(ctx actor.Context) {
		if _, ok := ctx.Message().(*http.Request); ok {
			ctx.Stop(ctx.Self())
		}
	})
	for range 2 {
		p := w.dial(addr)
		p.send(handshake(addr))
		assert.Equal(t, http.StatusServiceUnavailable, p.answer("GET").StatusCode)
		p.eof()
	}
}

// Answers that come twice or unasked answer nothing else.
func TestListenerAnswersTwice(t *testing.T) {
	w := newWorld(t, bare)
	addr := w.listening(&Server{}, func(ctx actor.Context) {
		if r, ok := ctx.Message().(*http.Request); ok {
			for range 2 {
				ctx.Respond(&http.Response{StatusCode: 200, Header: http.Header{"X-Path": {r.URL.Path}}, Body: body(r.URL.Path), Request: r})
			}
		}
	})
	p := w.dial(addr)
	for _, path := range []string{"/1", "/2", "/3", "/4"} {
		p.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		a := p.answer("GET")
		assert.Equal(t, path, a.body)
	}
}
