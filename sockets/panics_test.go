package sockets

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/router"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A listener that panics answers 500 at once, and that request only; the panic is logged
// with its stack, the peer and the path, once.
func TestListenerPanics(t *testing.T) {
	props := map[string]func(w *world, f actor.ReceiveFunc) *actor.Props{
		"any actor":  func(_ *world, f actor.ReceiveFunc) *actor.Props { return actor.PropsFromFunc(f) },
		"dispatcher": func(w *world, f actor.ReceiveFunc) *actor.Props { return actor.PropsFromFunc(f, Dispatcher(w.system)) },
		"behind a router": func(w *world, f actor.ReceiveFunc) *actor.Props {
			return router.NewRoundRobinPool(2, actor.WithFunc(f), Dispatcher(w.system))
		},
	}
	clearAndTLS(t, func(w *world) {
		for name, spawn := range props {
			w.in(name, func(w *world) {
				logged := new(lines)
				release := make(chan struct{})
				pid := w.system.Root.Spawn(spawn(w, func(ctx actor.Context) {
					if r, ok := ctx.Message().(*http.Request); ok {
						switch r.URL.Path {
						case "/panic":
							<-release
							panicHere()
						case "/later":
							conn := ctx.Sender()
							time.AfterFunc(6*soon, func() { w.system.Root.Send(conn, &http.Response{Body: body("later")}) })
						default:
							ctx.Respond(&http.Response{Body: body(r.URL.Path)})
						}
					}
				}))
				s := &Server{Server: quiet(nil), System: w.system, Listener: pid, AnswerTimeout: time.Hour}
				logged.to(s)
				addr := w.run(s)
				w.Cleanup(func() { w.system.Root.Stop(pid); gone(w, pid) })
				bad := w.dial(addr)
				bad.send("GET /panic HTTP/1.1\r\nHost: a\r\n\r\n")
				time.Sleep(soon)
				var others []*peer
				for i := range 4 {
					p := w.dial(addr)
					p.send(fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: a\r\n\r\n", i))
					others = append(others, p)
				}
				later := w.dial(addr)
				later.send("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
				time.Sleep(soon)
				close(release)
				began := time.Now()
				a := bad.answer("GET")
				assert.Equal(w, 500, a.StatusCode)
				assert.Less(w, time.Since(began), 5*time.Second)
				for i, p := range others {
					assert.Equal(w, fmt.Sprintf("/%d", i), p.answer("GET").body)
				}
				if name != "any actor" { // there nobody can tell it from the one that panicked
					assert.Equal(w, "later", later.answer("GET").body)
				}
				logged.has(w, "listener panicked", "on purpose", "panicHere")
				if name != "any actor" {
					logged.has(w, "path=/panic", "peer="+bad.LocalAddr().String())
				}
				assert.Equal(w, 1, strings.Count(logged.String(), "listener panicked "))
				for _, p := range append(others, later) {
					p.Close()
				}
			})
		}
	})
}

//go:noinline
func panicHere() { panic("on purpose") }

// The panic of a handler or of a stage is logged with its stack, the peer and the path,
// whatever the actor system's logger does, which is silent here.
func TestPanicsAreLogged(t *testing.T) {
	onText := func(ctx actor.Context) {
		if _, ok := ctx.Message().(*frame.Frame); ok {
			panicHere()
		}
	}
	everywhere(t, func(w *world) {
		for name, test := range map[string]struct {
			what     string
			nameless bool // nobody knows at whose message
			terms    func(w *world) *UpgradeServer
		}{
			"spawned handler": {"handler panicked", false, func(w *world) *UpgradeServer {
				h := w.spawned(onText)
				h.mortal = true
				return &UpgradeServer{Spawn: h.props}
			}},
			"shared handler": {"handler panicked", true, func(w *world) *UpgradeServer {
				return &UpgradeServer{FrameHandler: w.handler(onText).pid}
			}},
			"shared handler on the dispatcher": {"handler panicked", false, func(w *world) *UpgradeServer {
				pid := w.system.Root.Spawn(actor.PropsFromFunc(onText, Dispatcher(w.system)))
				w.Cleanup(func() { w.system.Root.PoisonFuture(pid).Wait() })
				return &UpgradeServer{FrameHandler: pid}
			}},
			"stage": {"connection panicked", false, func(w *world) *UpgradeServer {
				return &UpgradeServer{FrameHandler: w.handler().pid, Stages: []pipeline.Stage{
					func(up, down pipeline.Sink) (onUp, onDown pipeline.Sink) {
						return func(item any) {
							if _, ok := item.(*frame.Frame); ok {
								panicHere()
							}
							up(item)
						}, down
					},
				}}
			}},
		} {
			w.in(name, func(w *world) {
				logged := new(lines)
				s := &Server{System: w.system, Server: quiet(w.upgrading(test.terms(w)))}
				logged.to(s)
				p := w.upgrade(w.run(s))
				p.send(masked(frame.Text("hello")))
				logged.has(w, test.what, "on purpose", "panicHere")
				if !test.nameless {
					logged.has(w, "path=/chat", "peer="+p.LocalAddr().String())
				}
				time.Sleep(soon)
				assert.Equal(w, 1, strings.Count(logged.String(), "panicked "), logged)
				p.Close()
				require.True(w, until(func() bool { return s.Connections() == 0 }))
			})
		}
	})
}

// Whoever can make a handler panic does not fill a disk.
func TestLogIsBounded(t *testing.T) {
	w := newWorld(t, bare)
	var n atomic.Int64
	logged := new(lines)
	addr := w.listening(&Server{}, respond(func(*http.Request) any { n.Add(1); return "no answer" }), logged.to)
	for range 200 {
		p := w.dial(addr)
		p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		p.answer("GET")
		io.Copy(io.Discard, p.in)
		p.Close()
	}
	assert.EqualValues(t, 200, n.Load())
	assert.Less(t, strings.Count(logged.String(), "\n"), 150)
}

// What a connection cannot take, while nobody waits for its answer, is said to be that, and
// becomes a dead letter.
func TestUnknownToAConnection(t *testing.T) {
	w := newWorld(t, bare)
	letters := make(chan any, 10)
	heard := w.system.EventStream.Subscribe(func(event any) {
		if letter, ok := event.(*actor.DeadLetterEvent); ok {
			letters <- letter.Message
		}
	})
	defer w.system.EventStream.Unsubscribe(heard)
	conns := make(chan *actor.PID, 1)
	addr := w.listening(&Server{}, func(ctx actor.Context) {
		if _, ok := ctx.Message().(*http.Request); ok {
			ctx.Respond(&http.Response{StatusCode: 200})
			conns <- ctx.Sender()
		}
	})
	p := w.dial(addr)
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	assert.Equal(t, 200, p.answer("GET").StatusCode)
	conn := <-conns
	for _, message := range []any{"hello", http.Response{}} {
		w.system.Root.Send(conn, message)
		select {
		case got := <-letters:
			assert.Equal(t, message, got)
		case <-time.After(testTimeout):
			require.FailNow(t, "no dead letter")
		}
	}
	p.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	assert.Equal(t, 200, p.answer("GET").StatusCode)
	p.Close()
}
