package actors

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/spindrift-go/spindrift/internal/pool"
	"github.com/spindrift-go/spindrift/internal/testcert"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// testTimeout bounds every wait of these tests. No test waits that long unless it
// fails.
const testTimeout = 20 * time.Second

// readBuffer is how much one read takes.
const readBuffer = len(transport.ReadBuffer{})

// setting is how the sockets of a test are made and driven.
type setting struct {
	name     string
	tls      bool
	portable bool
	virtual  bool // in a bubble of fake time, over a net.Pipe
}

var (
	onPoller   = setting{name: "poller"}
	onPortable = setting{name: "portable", portable: true}
	inBubble   = setting{name: "bubble", portable: true, virtual: true}
	settings   = []setting{
		onPoller,
		{name: "poller,TLS", tls: true},
		onPortable,
		{name: "portable,TLS", tls: true, portable: true},
	}
)

// everywhere runs test in every setting with real sockets.
func everywhere(t *testing.T, test func(w *world)) {
	for _, s := range settings {
		t.Run(s.name, func(t *testing.T) { test(newWorld(t, s)) })
	}
}

// virtually runs test in fake time.
func virtually(t *testing.T, test func(w *world)) {
	harness.System() // outlives the bubble
	synctest.Test(t, func(t *testing.T) { test(newWorld(t, inBubble)) })
}

// world is what one test starts. At its end nothing may be left of it, and every
// connection of a handler must have had its hello first and its Closed last.
type world struct {
	*testing.T
	setting
	system   *actor.ActorSystem
	rt       *Runtime
	handlers []*handler
	peers    []*peer
	before   census
}

func newWorld(t *testing.T, s setting) *world {
	w := &world{T: t, setting: s, system: harness.System()}
	if w.rt = RuntimeOf(w.system); s.virtual {
		w.rt = newRuntime(w.system)                          // with the bubble's clock
		w.rt.shutdown.stopped = func() bool { return false } // the system's channel is not the bubble's
	}
	testcert.Certificate()
	loopback()
	if s.virtual {
		w.before = w.census()
		t.Cleanup(w.over)
		return w
	}
	warm := w.rt.Spawn() // makes what is made once
	w.system.Root.StopFuture(w.rt.handlers.Spawn(warm, actor.PropsFromFunc(func(actor.Context) {}))).Wait()
	w.system.Root.StopFuture(warm).Wait()
	w.before = w.census()
	t.Cleanup(w.over)
	return w
}

// census is what a leak would add to.
type census struct {
	harness.Census
	readBuffers, writeBuffers, segments, turnStates int
}

func (c census) more(than census) bool {
	return c.Census.More(than.Census) ||
		c.readBuffers > than.readBuffers || c.writeBuffers > than.writeBuffers || c.turnStates > than.turnStates || c.segments > than.segments
}

func init() { pool.CountAll() }

func (w *world) census() (c census) {
	c = w.rt.Outstanding()
	if w.virtual { // a bubble looks after its goroutines, and has few actors
		for _, p := range w.peers {
			for _, id := range []string{p.pid.Id, p.pid.Id + "/handler"} {
				if _, alive := w.system.ProcessRegistry.GetLocal(id); alive {
					c.Actors++
				}
			}
		}
		return c
	}
	c.Census = harness.Count(w.system, w.rt.dispatcher.Workers)
	return c
}

// await waits until done is closed.
func await(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(testTimeout):
		require.FailNow(t, "did not happen", what)
	}
}

// eventually waits for done, which is looked at now and then.
func (w *world) eventually(done func() bool, what ...any) {
	w.Helper()
	if !harness.Until(testTimeout, done) {
		require.Fail(w, "did not happen", what...)
	}
}

// over runs when everything that the test has started was told to end.
func (w *world) over() {
	if w.Failed() {
		for _, p := range w.peers {
			w.system.Root.Stop(p.pid)
		}
		if w.virtual {
			time.Sleep(time.Hour) // whatever it was, a bubble must be empty
		}
		return
	}
	for _, p := range w.peers {
		w.eventually(p.ended, "a connection has not ended")
	}
	w.drained()
	var now census
	if !harness.Until(testTimeout, func() bool { now = w.census(); return !now.more(w.before) }) {
		w.Errorf("left behind: %+v before, %+v after\n%s", w.before, now, harness.Left(w.system))
		return
	}
	for _, h := range w.handlers {
		h.judge()
	}
	if w.virtual {
		time.Sleep(time.Minute) // the workers leave
	}
}

// drained requires that the connections have left nothing in what they share.
func (w *world) drained() {
	w.Helper()
	for _, p := range w.peers {
		s := p.stream
		if s == nil {
			continue
		}
		assert.True(w, s.rarely().pauses == nil || s.rarely().pauses.pending.rest == nil, "a read buffer")
		assert.Nil(w, s.out.buf, "an out buffer")
		assert.Nil(w, s.rarely().flushes)
	}
	assert.Zero(w, w.rt.deadlines.Len(), "deadlines")
	assert.Zero(w, w.rt.poller.Len(), "users of the poller")
	assert.Zero(w, w.rt.defaultGroup.Len(), "members of the group")
}

// hello is the first message of a connection.
type hello struct{}

// handler is a frame handler that remembers what it was told. It is one actor,
// pid, or the props of many.
type handler struct {
	*world
	pid    *actor.PID
	props  *actor.Props
	mortal bool // it may die before its connections

	bystander bool // no connection tells it anything

	mu     sync.Mutex
	all    []any            // messages, in order
	byConn map[string][]any // likewise, by connection
	seen   int              // of all
	fresh  chan struct{}    // something new in all
	keep   func(any) bool   // nil: every message is remembered
	count  int              // of frames
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
	h := &handler{world: w, byConn: map[string][]any{}, fresh: make(chan struct{}, 1)}
	h.props = actor.PropsFromFunc(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case actor.AutoReceiveMessage, actor.SystemMessage, *actor.Touch: // Touch is how credit comes back
			return
		}
		h.remember(ctx.Message(), ctx.Sender())
		for _, f := range do {
			f(ctx)
		}
	})
	w.handlers = append(w.handlers, h)
	return h
}

func (h *handler) remember(m any, from *actor.PID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := m.(*frame.Frame); ok {
		h.count++
	}
	if h.keep == nil || h.keep(m) {
		h.all = append(h.all, m)
		if from != nil {
			h.byConn[from.Id] = append(h.byConn[from.Id], m)
		}
	}
	select {
	case h.fresh <- struct{}{}:
	default:
	}
}

// forgetful keeps no frames, it counts them.
func (h *handler) forgetful() *handler {
	h.keep = func(m any) bool {
		_, ok := m.(*frame.Frame)
		return !ok
	}
	return h
}

// frames is how many frames it was told.
func (h *handler) frames() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count
}

// echo answers messages with themselves.
func echo(ctx actor.Context) {
	if f, ok := ctx.Message().(*frame.Frame); ok {
		ctx.Respond(f)
	}
}

// greeted waits for the first message.
func (h *handler) greeted() {
	h.Helper()
	expect[*hello](h)
}

// next waits for what the handler is told next.
func (h *handler) next() any {
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

// expect waits for the next message, which must be a T.
func expect[T any](h *handler) T {
	h.Helper()
	m := h.next()
	got, ok := m.(T)
	require.True(h, ok, "told %T %+v, want %T", m, m, got)
	return got
}

// text waits for a frame and requires its text.
func (h *handler) text(want string) {
	h.Helper()
	require.Equal(h, want, expect[*frame.Frame](h).String())
}

// closed waits for the end, past whatever comes before it.
func (h *handler) closed() *pipeline.Closed {
	h.Helper()
	for {
		if c, ok := h.next().(*pipeline.Closed); ok {
			return c
		}
	}
}

// told counts the messages of a T that the handler got.
func told[T any](h *handler) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.all {
		if _, ok := m.(T); ok {
			n++
		}
	}
	return n
}

// judge: first hello, last Closed, and one of each, by connection.
func (h *handler) judge() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for who, told := range h.byConn {
		if h.bystander {
			break
		}
		opened, closed := 0, 0
		for _, m := range told {
			switch m.(type) {
			case *hello:
				opened++
			case *pipeline.Closed:
				closed++
			}
		}
		assert.Equal(h, 1, opened, "hello of %s", who)
		assert.IsType(h, &hello{}, told[0], "first of all")
		if h.mortal {
			assert.LessOrEqual(h, closed, 1)
			continue
		}
		assert.Equal(h, 1, closed, "Closed of %s in %v", who, told)
		assert.IsType(h, &pipeline.Closed{}, told[len(told)-1], "last of all")
	}
}

// usual are the limits that package sockets has as defaults.
var usual = Limits{
	CreditFrames: 64,
	CreditBytes:  64 << 10,
	Out:          1 << 20, Burst: 1 << 20,
	High:   64 << 10,
	Low:    16 << 10,
	Stall:  10 * time.Second,
	Linger: 5 * time.Second,
}

// core is what makes WebSocket of a server's end.
func core(stages ...pipeline.Stage) pipeline.Stage {
	return pipeline.Chain(append(stages,
		pipeline.Assemble,
		pipeline.Text,
		pipeline.Closing{Timeout: 5 * time.Second}.Stage(),
		pipeline.Codec{}.Stage(),
	)...)
}

// plan is a server's, with pongs.
func (w *world) plan(h *handler) *Plan {
	limits := usual
	p := &Plan{
		Top:      pipeline.AutoPong{}.Stage(),
		Core:     core(),
		Handler:  h.pid,
		Hello:    &hello{},
		Limits:   &limits,
		Portable: w.portable,
	}
	if h.pid == nil {
		p.Spawn = h.props
	}
	return p
}

// unopened is the behaviour of a connection that a test will make a stream.
type unopened struct {
	gone
	open func()
}

// openNow tells it to.
type openNow struct{}

func (s *unopened) receive(ctx actor.Context) {
	if _, ok := ctx.Message().(*openNow); ok {
		s.open()
	}
}

// peer is the other end of a connection, and what a test knows of this end.
type peer struct {
	*world
	*harness.Peer
	tcp    *net.TCPConn  // its TCP; nil in a bubble
	in     *bufio.Reader // its In
	pid    *actor.PID
	conn   *conn
	stream *stream // the driver, for who has synchronised with it
}

// start makes a connection actor the driver of plan over the wire that dial
// dials in its first turn.
func (w *world) start(plan *Plan, dial func(m *dispatch.Mailbox) transport.Transport) *peer {
	return w.startWith(plan, dial, nil)
}

// startWith gives it bytes that were read already.
func (w *world) startWith(plan *Plan, dial func(m *dispatch.Mailbox) transport.Transport, first []byte) *peer {
	w.Helper()
	p := &peer{world: w, conn: w.rt.newConn()}
	planted := *plan
	planted.Core = pipeline.Stage(func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
		p.stream, _ = p.conn.behaviour.(*stream)
		return plan.Core.Stage()(up, down)
	})
	grown := p.conn
	done := make(chan struct{})
	p.conn.behaviour = &unopened{open: func() {
		defer close(done)
		grown.become(&planted, dial(&grown.mailbox), first)
	}}
	p.pid = w.spawnConn(p.conn)
	w.system.Root.Send(p.pid, &openNow{})
	<-done
	w.peers = append(w.peers, p)
	return p
}

func (w *world) spawnConn(c *conn) *actor.PID {
	return w.rt.spawn(c, w.system.ProcessRegistry.NextId())
}

// link connects a peer to a connection that plan drives.
func (w *world) link(plan *Plan) *peer {
	w.Helper()
	near, far := w.pair()
	p := w.start(plan, func(m *dispatch.Mailbox) transport.Transport { return w.rt.poller.Open(near, m, plan.Portable) })
	p.Peer = harness.NewPeer(w, far)
	p.tcp, p.in = p.TCP, p.In
	if !w.virtual {
		far.SetDeadline(time.Now().Add(testTimeout))
	}
	w.Cleanup(func() { p.Close() })
	return p
}

// pair is the two ends of a connection: the near one is ready for Poller.Open.
func (w *world) pair() (near, far net.Conn) {
	w.Helper()
	if w.virtual {
		return net.Pipe()
	}
	a, b := w.sockets()
	if !w.tls {
		return a, b
	}
	below := &transport.PollableConn{TCPConn: a}
	server, client := tls.Server(below, testcert.Server()), tls.Client(b, testcert.Client())
	shaken := make(chan error, 1)
	go func() { shaken <- server.Handshake() }()
	require.NoError(w, client.Handshake())
	require.NoError(w, <-shaken)
	return server, client
}

// loopback listens for all tests.
var loopback = sync.OnceValue(func() net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	return l
})

// sockets is a TCP connection over loopback.
func (w *world) sockets() (a, b *net.TCPConn) {
	w.Helper()
	l := loopback()
	far, err := net.Dial("tcp", l.Addr().String())
	require.NoError(w, err)
	near, err := l.Accept()
	require.NoError(w, err)
	require.Equal(w, far.LocalAddr().String(), near.RemoteAddr().String(), "somebody else's")
	return near.(*net.TCPConn), far.(*net.TCPConn)
}

// ended reports whether the connection's actor is gone.
func (p *peer) ended() bool {
	_, alive := p.system.ProcessRegistry.GetLocal(p.pid.Id)
	return !alive
}

// tell sends messages to the connection as its handler would.
func (p *peer) tell(messages ...any) {
	for _, m := range messages {
		p.system.Root.Send(p.pid, m)
	}
}

// look shows the driver to see, in a turn of its own.
func (p *peer) look(see func(s *stream)) {
	seen := make(chan struct{})
	p.tell(&SetLimits{Limits: func(*Limits) {
		see(p.stream)
		close(seen)
	}})
	<-seen
}

// waiting is how much output waits, in bytes.
func (p *peer) waiting() (n int) {
	p.look(func(s *stream) { n = s.out.waiting() })
	return n
}

// handed is how many items its handler has not worked through.
func (p *peer) handed() (n int) {
	p.look(func(s *stream) { n = s.credit.frames })
	return n
}

// The words of harness.Peer.
func (p *peer) reset()                            { p.Helper(); p.Reset() }
func (p *peer) half()                             { p.Helper(); p.Half() }
func (p *peer) send(parts ...string)              { p.Helper(); p.Send(parts...) }
func (p *peer) frame() *frame.Frame               { p.Helper(); return p.Frame() }
func (p *peer) closes(code frame.Code) string     { p.Helper(); return p.Closes(code) }
func masked(f *frame.Frame) string                { return harness.Masked(f) }
func readFrame(r io.Reader) (*frame.Frame, error) { return harness.ReadFrame(r) }

// text reads a frame and requires its text.
func (p *peer) text(want string) {
	p.Helper()
	f := p.frame()
	require.Equal(p, frame.OpText, f.Opcode)
	require.Equal(p, want, f.String())
}

// eof requires that nothing comes but an orderly end.
func (p *peer) eof() {
	p.Helper()
	require.Empty(p, p.Rest())
}
