package sockets

import (
	"io"
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
	for late := time.Now().Add(testTimeout); time.Now().Before(late); n++ {
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
			case <-time.After(testTimeout):
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
	addr := w.listening(&Server{AnswerTimeout: time.Hour}, func(ctx actor.Context) {
		if _, ok := ctx.Message().(*http.Request); ok {
			ctx.Stop(ctx.Self())
		}
	})
	for range 2 {
		p := w.dial(addr)
		p.send(handshake(addr))
		a := p.answer("GET")
		assert.Equal(t, http.StatusServiceUnavailable, a.StatusCode)
		assert.Equal(t, "no listener\n", a.body)
		p.eof()
	}
}

// Answers that come twice, however late, answer nothing else; whose Request they
// say they answer does not matter, it may be one of a client's.
func TestListenerAnswersTwice(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		terms := w.terms(&UpgradeServer{FrameHandler: h.pid})
		var late func()
		addr := w.listening(&Server{}, func(ctx actor.Context) {
			if r, ok := ctx.Message().(*http.Request); ok {
				if late != nil {
					late()
				}
				answer := func() any {
					if r.URL.Path == "/chat" {
						return terms
					}
					return &http.Response{StatusCode: 200, Body: body(r.URL.Path), Request: new(http.Request)}
				}
				conn := ctx.Sender()
				late = func() { ctx.Send(conn, answer()) }
				ctx.Respond(answer())
			}
		})
		p := w.dial(addr)
		for _, path := range []string{"/1", "/2", "/3", "/4"} {
			p.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
			a := p.answer("GET")
			assert.Equal(w, path, a.body)
		}
		p.send(handshake(addr))
		p.bytes(switched())
		h.upgraded()
		p.Close()
		h.untilClosed()
	})
}

// A client that closes its sending half behind its request is answered, as by
// net/http, and so by both of our ways to serve.
func TestHalfClosedClientIsAnswered(t *testing.T) {
	everywhere(t, func(w *world) {
		for name, start := range map[string]func(wait func(r *http.Request)) string{
			"net/http": func(wait func(*http.Request)) string {
				s := quiet(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					wait(r)
					io.WriteString(rw, "late")
				}))
				return w.run(&s)
			},
			"actor mode": func(wait func(*http.Request)) string {
				return w.listening(&Server{}, func(ctx actor.Context) {
					if r, ok := ctx.Message().(*http.Request); ok {
						wait(r)
						ctx.Respond(&http.Response{StatusCode: 200, Body: body("late")})
					}
				})
			},
		} {
			w.in(name, func(w *world) {
				p := w.dial(start(func(r *http.Request) {
					select {
					case <-r.Context().Done(): // net/http has seen the end
					case <-time.After(testTimeout):
					}
				}))
				p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				p.half()
				a := p.answer("GET")
				assert.Equal(w, 200, a.StatusCode)
				assert.Equal(w, "late", a.body)
				p.Close()
			})
		}
	})
}
