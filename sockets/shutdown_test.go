package sockets

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shutsDown requires that Shutdown returns soon after its context, and Close at once.
func shutsDown(w *world, s *Server, want DrainResult) {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	type outcome struct {
		DrainResult
		error
	}
	done := make(chan outcome, 1)
	go func() {
		d, err := s.ShutdownResult(ctx)
		done <- outcome{d, err}
	}()
	select {
	case got := <-done:
		assert.Equal(w, want, got.DrainResult)
		assert.ErrorIs(w, got.error, context.DeadlineExceeded)
		assert.ErrorContains(w, got.error, "have not ended")
	case <-time.After(testTimeout):
		require.FailNow(w, "Shutdown hangs beyond its context")
	}
	closed := make(chan struct{})
	go func() { s.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(testTimeout):
		require.FailNow(w, "Close hangs")
	}
}

// A turn that is blocked by code of the program keeps neither Shutdown nor Close; its
// socket is closed, and when it goes on it ends as any other.
func TestShutdownOfABlockedTurn(t *testing.T) {
	sampled(t, func(w *world) {
		for name, upgrade := range map[string]func(h *handler, release <-chan struct{}) *UpgradeServer{
			"stage": func(h *handler, release <-chan struct{}) *UpgradeServer {
				block := func(up, down pipeline.Sink) (onUp, onDown pipeline.Sink) {
					return func(item any) {
						if _, ok := item.(*frame.Frame); ok {
							<-release
						}
						up(item)
					}, down
				}
				return &UpgradeServer{FrameHandler: h.pid, Stages: []pipeline.Stage{block}}
			},
			"handler's full mailbox": func(h *handler, release <-chan struct{}) *UpgradeServer {
				return &UpgradeServer{FrameHandler: h.pid}
			},
		} {
			w.in(name, func(w *world) {
				release := make(chan struct{})
				var h *handler
				if name == "stage" {
					h = w.handler()
				} else {
					h = w.spawned(func(ctx actor.Context) {
						if _, ok := ctx.Message().(*frame.Frame); ok {
							<-release
						}
					})
					h.props.Configure(actor.WithMailbox(actor.Bounded(2)))
					h.pid = w.system.Root.Spawn(h.props)
					w.Cleanup(func() { w.system.Root.PoisonFuture(h.pid).Wait() })
				}
				terms := w.terms(upgrade(h, release))
				s := &Server{System: w.system, Server: quiet(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					Upgrade(w.system, rw, r, terms)
				}))}
				p := w.upgrade(w.run(s))
				h.upgraded()
				for range 10 {
					p.send(masked(frame.Text("hello")))
				}
				time.Sleep(soon)
				shutsDown(w, s, DrainResult{Asked: 1, Cut: 1, Stuck: 1})
				p.SetReadDeadline(time.Now().Add(testTimeout))
				_, err := p.in.ReadByte()
				require.Error(w, err)
				require.NotErrorIs(w, err, context.DeadlineExceeded)
				nerr, ok := err.(net.Error)
				require.False(w, ok && nerr.Timeout(), "the socket is closed")
				close(release)
				h.untilClosed()
			})
		}
	})
}

// An upgrade whose Hijack does not return keeps nobody either.
func TestShutdownOfABlockedHijack(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	terms := w.terms(&UpgradeServer{FrameHandler: h.pid})
	release, inside := make(chan struct{}), make(chan struct{})
	s := &Server{System: w.system, Server: quiet(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		Upgrade(w.system, slowHijack{rw, inside, release}, r, terms)
	}))}
	p := w.dial(w.run(s))
	p.send(handshake("a"))
	<-inside
	shutsDown(w, s, DrainResult{Stuck: 1, Cut: 1})
	_, err := p.in.ReadByte()
	require.Error(t, err)
	close(release)
}

type slowHijack struct {
	http.ResponseWriter
	inside, release chan struct{}
}

func (s slowHijack) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	close(s.inside)
	<-s.release
	return http.NewResponseController(s.ResponseWriter).Hijack()
}

// Whoever does not answer the Close in its time was cut, whether or not the context had
// more.
func TestShutdownCountsWhoWasCut(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		s := &Server{System: w.system, Server: quiet(w.upgrading(&UpgradeServer{FrameHandler: h.pid, Options: &Options{CloseTimeout: soon}}))}
		addr := w.run(s)
		answers, stays := w.upgrade(addr), w.upgrade(addr)
		h.upgraded()
		h.upgraded()
		done := make(chan DrainResult, 1)
		go func() {
			d, err := s.ShutdownResult(w.Context())
			assert.NoError(w, err)
			done <- d
		}()
		answers.closes(frame.GoingAway)
		answers.send(masked(frame.Close(frame.GoingAway, "")))
		stays.closes(frame.GoingAway)
		assert.Equal(w, DrainResult{Asked: 2, Cut: 1}, <-done)
		expect[*Closed](h)
		expect[*Closed](h)
	})
}

// After Shutdown or Close no address is bound any more.
func TestListenAndServeAfterShutdown(t *testing.T) {
	w := newWorld(t, bare)
	taken := w.listen() // binding it would fail
	defer taken.Close()
	for name, stop := range map[string]func(s *Server) error{
		"Shutdown": func(s *Server) error { return s.Shutdown(w.Context()) },
		"Close":    (*Server).Close,
	} {
		s := &Server{System: w.system, Server: quiet(site())}
		s.Addr = taken.Addr().String()
		require.NoError(t, stop(s), name)
		assert.ErrorIs(t, s.ListenAndServe(), http.ErrServerClosed, name)
		assert.ErrorIs(t, s.ListenAndServeTLS("", ""), http.ErrServerClosed, name)
	}
}

// A server with two that decide says so before it serves.
func TestServerWithListenerAndHandler(t *testing.T) {
	w := newWorld(t, bare)
	s := &Server{System: w.system, Server: quiet(site()), Listener: w.system.NewLocalPID("nobody")}
	l := w.listen()
	defer l.Close()
	for range 2 {
		assert.ErrorContains(t, s.Serve(l), "a Listener and a Handler")
		assert.ErrorContains(t, s.ServeTLS(l, "", ""), "a Listener and a Handler")
	}
}

// BaseContext is given the listener that the program gave.
func TestBaseContextGetsTheProgramsListener(t *testing.T) {
	w := newWorld(t, bare)
	for _, mode := range []string{"drop-in", "actor mode"} {
		s := &Server{System: w.system, Server: quiet(nil)}
		if mode == "drop-in" {
			s.Handler = site()
		} else {
			s.Listener = w.system.NewLocalPID("nobody")
		}
		mine := &ownListener{Listener: w.listen()}
		got := make(chan net.Listener, 1)
		s.BaseContext = func(l net.Listener) context.Context { got <- l; return context.Background() }
		var done sync.WaitGroup
		done.Go(func() { s.Serve(mine) })
		assert.Same(t, mine, <-got, mode)
		s.Close()
		done.Wait()
	}
}

type ownListener struct{ net.Listener }

// A session is over when its function has returned, however that ends: until then Shutdown waits, and its place is taken.
func TestShutdownWaitsForSessions(t *testing.T) {
	for name, leave := range map[string]func(){
		"returns": func() {},
		"panics":  func() { panic("on purpose") },
		"exits":   runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			sampled(t, func(w *world) {
				working, release := make(chan struct{}), make(chan struct{})
				s := &Server{System: w.system, MaxConns: 1, Server: quiet(&SessionHandler{
					Options: w.terms(&UpgradeServer{}).Options,
					Serve: func(ctx context.Context, c *Conn) error {
						c.Receive(context.Background())
						close(working)
						<-release
						leave()
						return nil
					},
				})}
				addr := w.run(s)
				c := w.open(addr, nil)
				require.NoError(w, c.Close(frame.Normal, ""))
				<-working
				p, status := w.knock(addr)
				assert.Equal(w, http.StatusServiceUnavailable, status, "its place is taken")
				p.Close()
				done := make(chan error, 1)
				go func() { done <- s.Shutdown(w.within()) }()
				select {
				case err := <-done:
					require.FailNow(w, "Shutdown has not waited", "%v", err)
				case <-time.After(soon):
				}
				close(release)
				require.NoError(w, <-done)
			})
		})
	}
}

// A session that does not return keeps Shutdown no longer than its context.
func TestShutdownDoesNotWaitForSessionsForEver(t *testing.T) {
	w := newWorld(t, bare)
	release := make(chan struct{})
	s := &Server{System: w.system, Server: quiet(&SessionHandler{Serve: func(ctx context.Context, c *Conn) error {
		<-release
		return nil
	}})}
	c := w.open(w.run(s), nil)
	ctx, cancel := context.WithTimeout(w.Context(), soon)
	defer cancel()
	require.NoError(w, s.Shutdown(ctx), "the connection itself ends in time")
	<-c.Done()
	close(release)
}
