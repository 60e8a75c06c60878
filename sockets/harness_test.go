package sockets

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/spindrift-go/spindrift/internal/testcert"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testTimeout bounds every wait of these tests. No test waits that long unless it
// fails.
const testTimeout = 15 * time.Second

// setting is how the sockets of a test are made and driven.
type setting struct {
	name     string
	tls      bool
	portable bool
}

var settings = []setting{
	{name: "poller"},
	{name: "poller,TLS", tls: true},
	{name: "portable", portable: true},
	{name: "portable,TLS", tls: true, portable: true},
}

// bare is for what no socket has a say in.
var bare = settings[0]

// everywhere runs test in every setting.
func everywhere(t *testing.T, test func(w *world)) {
	inEach(t, settings, test)
}

// sampled runs test in every setting, and with -short in two that have both drivers
// and both of clear and TLS between them. Which two is up to the test's name, so that
// each setting is met by many tests. For tests whose subject is not the socket.
func sampled(t *testing.T, test func(w *world)) {
	if !testing.Short() {
		inEach(t, settings, test)
		return
	}
	first := len(t.Name()) % 2
	inEach(t, []setting{settings[first], settings[len(settings)-1-first]}, test)
}

// inEach runs test in some settings. What they leave is looked for once, behind the last:
// net/http keeps a connection that it has refused for half a second.
func inEach(t *testing.T, settings []setting, test func(w *world)) {
	all := newWorld(t, bare)
	for _, s := range settings {
		all.in(s.name, func(w *world) {
			w.setting = s
			w.observe()
			test(w)
		})
	}
}

// theSystem is every test's.
var theSystem = sync.OnceValue(func() *actor.ActorSystem {
	warm(harness.System())
	return harness.System()
})

// warm has a handler spawned: the first one brings a guardian, which stays.
func warm(system *actor.ActorSystem) {
	ours, theirs := net.Pipe()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(handshake("a.example"))))
	if err != nil {
		panic(err)
	}
	go io.Copy(io.Discard, theirs)
	over := make(chan struct{})
	Upgrade(system, &pipeWriter{httptest.NewRecorder(), ours}, r, &UpgradeServer{
		Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*actor.Stopped); ok {
				close(over)
			}
		}),
	})
	theirs.Close()
	<-over
}

// world is what one test starts. At its end nothing may be left of it, every handler must
// have been told Upgraded first and Closed last, of each connection, and so must an
// observer of them all.
type world struct {
	*testing.T
	setting
	system *actor.ActorSystem
	judges *[]func(t assert.TestingT) // of what handlers and observers were told, at the end
	pairs  *pairs
	before harness.Census
}

func newWorld(t *testing.T, s setting) *world {
	w := &world{T: t, setting: s, system: theSystem(), judges: new([]func(assert.TestingT))}
	w.observe()
	testcert.Certificate()
	w.before = w.count()
	t.Cleanup(w.over)
	return w
}

// observe has what is observed from now on remembered by pairs of its own, and judged at the end.
func (w *world) observe() {
	p := new(pairs)
	w.pairs = p
	*w.judges = append(*w.judges, p.judge)
}

// in runs a part of a test, whose leavings are looked for with the whole's.
func (w *world) in(name string, test func(w *world)) {
	w.Run(name, func(t *testing.T) {
		part := *w
		part.T = t
		test(&part)
	})
}

// until looks until what is true, for as long as a test is patient.
func until(what func() bool) bool {
	return harness.Until(testTimeout, what)
}

// count is what a leak would add to. What comes from pools is counted where they are:
// TestPoolsGetAllBack, in actors, stands on top of this package.
func (w *world) count() harness.Census {
	return harness.Count(w.system, actors.RuntimeOf(w.system).Dispatcher().Workers)
}

// over runs when everything that the test has started was stopped.
func (w *world) over() {
	if w.Failed() {
		return
	}
	var now harness.Census
	if !until(func() bool { now = w.count(); return !now.More(w.before) }) {
		w.Errorf("left behind: %+v before, %+v after\n%s", w.before, now, harness.Left(w.system))
		return
	}
	for _, judge := range *w.judges {
		judge(w)
	}
}

// told is one message to a handler, and the connection it came from.
type told struct {
	message any
	from    string
}

// handler is a frame handler that remembers what it was told. It is one actor,
// pid, or the props of many.
type handler struct {
	*world
	pid    *actor.PID
	props  *actor.Props
	mortal bool // it may die before its connections

	mu    sync.Mutex
	all   []told
	seen  int
	fresh chan struct{}
}

// handler starts one that does do with each message after it has remembered it.
func (w *world) handler(do ...func(ctx actor.Context)) *handler {
	h := w.spawned(do...)
	h.pid = w.system.Root.Spawn(h.props)
	w.Cleanup(func() { w.system.Root.PoisonFuture(h.pid).Wait() })
	return h
}

// spawned is a handler whose connections start an actor each.
func (w *world) spawned(do ...func(ctx actor.Context)) *handler {
	h := &handler{world: w, fresh: make(chan struct{}, 1)}
	h.props = actor.PropsFromFunc(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case actor.AutoReceiveMessage, actor.SystemMessage, *actor.Touch: // Touch is how credit comes back
			return
		}
		from := ""
		if ctx.Sender() != nil {
			from = ctx.Sender().Id
		}
		h.mu.Lock()
		h.all = append(h.all, told{ctx.Message(), from})
		h.mu.Unlock()
		select {
		case h.fresh <- struct{}{}:
		default:
		}
		for _, f := range do {
			f(ctx)
		}
	})
	*w.judges = append(*w.judges, h.judge)
	return h
}

// echo answers messages with themselves.
func echo(ctx actor.Context) {
	if f, ok := ctx.Message().(*frame.Frame); ok {
		ctx.Respond(f)
	}
}

// next waits for what the handler is told next.
func (h *handler) next() told {
	h.Helper()
	late := time.After(testTimeout)
	for {
		h.mu.Lock()
		if h.seen < len(h.all) {
			h.seen++
			m := h.all[h.seen-1]
			h.mu.Unlock()
			return m
		}
		h.mu.Unlock()
		select {
		case <-h.fresh:
		case <-late:
			require.FailNow(h, "the handler is told nothing")
		}
	}
}

// expect waits for the next message, which must be a T. How full the buffers of
// the network are is passed over.
func expect[T any](h *handler) T {
	h.Helper()
	m := h.next().message
	got, ok := m.(T)
	for pressed := true; !ok && pressed; {
		switch m.(type) {
		case *Backpressure, *Drained:
			m = h.next().message
			got, ok = m.(T)
		default:
			pressed = false
		}
	}
	require.True(h, ok, "told %T %+v, want %T", m, m, got)
	return got
}

// upgraded waits for the first message of a connection and returns its actor.
func (h *handler) upgraded() (*actor.PID, *Upgraded) {
	h.Helper()
	m := h.next()
	u, ok := m.message.(*Upgraded)
	require.True(h, ok, "told %T %+v, want *Upgraded", m.message, m.message)
	return h.system.NewLocalPID(m.from), u
}

// text waits for a message and requires its text.
func (h *handler) text(want string) {
	h.Helper()
	f := expect[*frame.Frame](h)
	require.Equal(h, want, f.String())
}

// untilClosed passes over everything up to the last message of a connection.
func (h *handler) untilClosed() *Closed {
	h.Helper()
	for {
		if c, ok := h.next().message.(*Closed); ok {
			return c
		}
	}
}

// toldByConn is what it was told, by connection.
func (h *handler) toldByConn() map[string][]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	byConn := map[string][]any{}
	for _, m := range h.all {
		if m.from != "" {
			byConn[m.from] = append(byConn[m.from], m.message)
		}
	}
	return byConn
}

// judge: first Upgraded, last Closed, and one of each, by connection.
func (h *handler) judge(t assert.TestingT) {
	for _, told := range h.toldByConn() {
		if d, ok := told[len(told)-1].(*Disconnected); ok { // of a ReconnectActor
			assert.True(t, d.Final, "last of all")
			continue
		}
		opened, closed := 0, 0
		for _, m := range told {
			switch m := m.(type) {
			case *Upgraded:
				if !m.Again {
					opened++
				}
			case *Closed:
				closed++
			}
		}
		assert.Equal(t, 1, opened, "Upgraded in %T", told)
		assert.IsType(t, &Upgraded{}, told[0], "first of all")
		if h.mortal {
			assert.LessOrEqual(t, closed, 1)
			continue
		}
		assert.Equal(t, 1, closed, "Closed in %v", told)
		assert.IsType(t, &Closed{}, told[len(told)-1], "last of all")
	}
}

func serverTLS() *tls.Config { return testcert.Server() }

// clientTLS is that of a client which asks for the name that it dials.
func clientTLS() *tls.Config {
	config := testcert.Client()
	config.ServerName = ""
	return config
}

func (w *world) listen() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(w, err)
	return l
}

// server is what http.Server and Server have in common.
type server interface {
	Serve(net.Listener) error
	ServeTLS(net.Listener, string, string) error
	Close() error
}

// run serves until the test ends and returns the address.
func (w *world) run(s server) string {
	l := w.listen()
	done := make(chan struct{})
	go func() {
		defer close(done)
		if w.tls {
			s.ServeTLS(l, "", "")
		} else {
			s.Serve(l)
		}
	}()
	w.Cleanup(func() {
		s.Close()
		<-done
	})
	return l.Addr().String()
}

// respond is a listener that answers each request.
func respond(to func(r *http.Request) any) func(ctx actor.Context) {
	return func(ctx actor.Context) {
		if r, ok := ctx.Message().(*http.Request); ok {
			ctx.Respond(to(r))
		}
	}
}

var silent = log.New(io.Discard, "", 0)

// quiet is an http.Server that logs nothing and has a certificate.
func quiet(h http.Handler) http.Server {
	return http.Server{Handler: h, TLSConfig: serverTLS(), ErrorLog: silent}
}

// dropIn serves plain HTTP with our server.
func (w *world) dropIn(h http.Handler) string {
	return w.run(&Server{Server: quiet(h), System: w.system})
}

// upgrading is an http.Handler that upgrades every request on the terms of u.
func (w *world) upgrading(u *UpgradeServer) http.Handler {
	terms := w.terms(u)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		Upgrade(w.system, rw, r, terms)
	})
}

// terms makes u's options those of the setting.
func (w *world) terms(u *UpgradeServer) *UpgradeServer {
	v, o := *u, *cmp.Or(u.Options, &Options{})
	o.Portable = w.portable
	o.Observers = append(o.Observers, w.pairs.observer())
	v.Options = &o
	return &v
}

// websocket is the server of a connection test: drop-in, every path.
func (w *world) websocket(u *UpgradeServer) (addr string) {
	return w.dropIn(w.upgrading(u))
}

// listening is a server in actor mode that asks a listener of its own.
func (w *world) listening(s *Server, listener func(ctx actor.Context), change ...func(s *Server)) string {
	pid := w.system.Root.Spawn(actor.PropsFromFunc(listener))
	w.Cleanup(func() { w.system.Root.StopFuture(pid).Wait() })
	s.TLSConfig, s.ErrorLog, s.System, s.Listener = serverTLS(), silent, w.system, pid
	for _, f := range change {
		f(s)
	}
	return w.run(s)
}

// host is a way to put an upgrade behind HTTP.
type host struct {
	name  string
	start func(w *world, u *UpgradeServer) (addr string)
}

var hosts = []host{
	{"drop-in", (*world).websocket},
	{"actor mode", func(w *world, u *UpgradeServer) string {
		terms := w.terms(u)
		return w.listening(&Server{}, func(ctx actor.Context) {
			if _, ok := ctx.Message().(*http.Request); ok {
				ctx.Respond(terms)
			}
		})
	}},
	{"http.Server", func(w *world, u *UpgradeServer) string {
		h := w.foreign(u)
		s := quiet(h)
		return w.run(&s)
	}},
	{"httptest", func(w *world, u *UpgradeServer) string {
		s := httptest.NewUnstartedServer(w.foreign(u))
		s.Config.ErrorLog = silent
		if w.tls {
			s.TLS = serverTLS()
			s.StartTLS()
		} else {
			s.Start()
		}
		// net/http keeps a connection that it has refused for half a second, and httptest waits
		// for it: not here, over does.
		w.Cleanup(func() { go s.Close() })
		return s.Listener.Addr().String()
	}},
}

// foreign is a Handler for a server that does not know of us, which leaves with
// the test.
func (w *world) foreign(u *UpgradeServer) http.Handler {
	terms := w.terms(u)
	h := &Handler{
		System:       w.system,
		FrameHandler: terms.FrameHandler,
		Spawn:        terms.Spawn,
		Stages:       terms.Stages,
		Options:      terms.Options,
	}
	w.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		h.Shutdown(now)
	})
	return h
}
