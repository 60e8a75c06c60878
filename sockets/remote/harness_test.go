package remote

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/require"
)

// machine is one node in this process.
type machine struct {
	*testing.T
	system *actor.ActorSystem
	node   *Node
	at     string
}

func quietly() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func (c Config) local() Config {
	c.Addr, c.InsecureLoopback = "127.0.0.1:0", c.TLS == nil
	if c.Log == nil {
		c.Log = quietly()
	}
	return c
}

// start starts one of the nodes of a test in one process.
func start(t *testing.T, c Config) *machine {
	m := &machine{T: t, system: sockets.NewSystem()}
	var err error
	c = c.local()
	if c.Advertise != "" { // another port than that
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		m.at = l.Addr().String()
		l.Close()
		c.Addr = m.at
	}
	m.node, err = Start(m.system, c)
	require.NoError(t, err)
	t.Cleanup(func() {
		m.node.Close()
		m.system.Shutdown()
	})
	return m
}

// startAgain starts a node where one was.
func startAgain(t *testing.T, addr string) *machine {
	m := &machine{T: t, system: sockets.NewSystem()}
	var err error
	m.node, err = Start(m.system, Config{Addr: addr, InsecureLoopback: true, Log: quietly()})
	require.NoError(t, err)
	t.Cleanup(func() {
		m.node.Close()
		m.system.Shutdown()
	})
	return m
}

// told is a message that a handler got, and from whom.
type told struct {
	message any
	sender  *actor.PID
}

// recorder is a handler that keeps what it is told, in order, for each connection.
type recorder struct {
	mu    sync.Mutex
	by    map[string][]any
	conns []*actor.PID
	calls chan told
	do    func(ctx actor.Context)
}

func (r *recorder) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Touch:
		return
	default:
		if ctx.Sender() == nil {
			return
		}
		r.mu.Lock()
		if len(r.by[ctx.Sender().String()]) == 0 {
			r.conns = append(r.conns, ctx.Sender())
		}
		r.by[ctx.Sender().String()] = append(r.by[ctx.Sender().String()], m)
		r.mu.Unlock()
		if r.do != nil {
			r.do(ctx)
		}
		select {
		case r.calls <- told{m, ctx.Sender()}:
		default:
		}
	}
}

// judge checks what must be true of each connection: Upgraded first, Closed last, each once. It returns
// the Closeds.
func (r *recorder) judge(t *testing.T) (closed []*sockets.Closed) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn, messages := range r.by {
		for i, m := range messages {
			_, up := m.(*sockets.Upgraded)
			require.Equal(t, i == 0, up, "message %d of %s: %T", i, conn, m)
			c, down := m.(*sockets.Closed)
			require.Equal(t, i == len(messages)-1, down, "message %d of %d of %s: %T", i, len(messages), conn, m)
			if down {
				closed = append(closed, c)
			}
		}
	}
	return closed
}

func (r *recorder) closeds() (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, messages := range r.by {
		for _, m := range messages {
			if _, ok := m.(*sockets.Closed); ok {
				n++
			}
		}
	}
	return n
}

func echo(ctx actor.Context) {
	if f, ok := ctx.Message().(*frame.Frame); ok && !f.Opcode.Control() {
		ctx.Respond(f)
	}
}

func (m *machine) handler(name string, do func(ctx actor.Context)) *recorder {
	r := &recorder{by: map[string][]any{}, calls: make(chan told, 10000), do: do}
	_, err := m.system.Root.SpawnNamed(actor.PropsFromFunc(r.Receive, sockets.Dispatcher(m.system)), name)
	require.NoError(m, err)
	return r
}

// next waits for a message of type T.
func next[T any](t *testing.T, r *recorder) (T, *actor.PID) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case c := <-r.calls:
			if m, ok := c.message.(T); ok {
				return m, c.sender
			}
		case <-timeout:
			require.Fail(t, fmt.Sprintf("no %T came", *new(T)))
		}
	}
}

// serve serves connections whose handler is name on the node at addr.
func (m *machine) serve(addr, name string, change ...func(h *sockets.Handler)) (url string) {
	h := &sockets.Handler{System: m.system, FrameHandler: actor.NewPID(addr, name)}
	for _, f := range change {
		f(h)
	}
	s := httptest.NewServer(h)
	m.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

func dial(t *testing.T, url string) *sockets.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := sockets.Dial(ctx, url, nil)
	require.NoError(t, err)
	return c
}

// eventually waits with growing pauses for what no event tells.
func eventually(t *testing.T, what string, f func() bool) {
	t.Helper()
	pause, deadline := time.Millisecond, time.Now().Add(15*time.Second)
	for !f() {
		if time.Now().After(deadline) {
			require.Fail(t, "not in time: "+what)
		}
		time.Sleep(pause)
		pause = min(2*pause, 50*time.Millisecond)
	}
}

// http serves routes of the test's own.
func (m *machine) http(h http.Handler) (url string) {
	s := httptest.NewServer(h)
	m.Cleanup(s.Close)
	return "ws" + strings.TrimPrefix(s.URL, "http")
}

func dispatchOf(p actor.Process) *dispatch.Mailbox { return dispatch.Of(p) }

func (n *Node) watchCount() (count int) {
	for _, l := range n.allLinks() {
		l.mu.Lock()
		count += len(l.watched)
		l.mu.Unlock()
	}
	return count
}

// logged is what a node has said.
type logged struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func noLog(*actor.ActorSystem) *slog.Logger { return quietly() }

// listens is where the node listens, whatever it says to others.
func (m *machine) listens() string { return m.at }
