package transport

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/internal/testcert"
	"github.com/stretchr/testify/require"
)

// limit bounds every wait of these tests. No test waits that long unless it fails.
const limit = 20 * time.Second

// eventually waits for done, which is looked at now and then.
func eventually(t *testing.T, done func() bool, what ...any) {
	t.Helper()
	require.Eventually(t, done, limit, time.Millisecond, what...)
}

// mailbox returns one, started, whose signals go to hooks.
func mailbox(d *dispatch.Dispatcher, hooks dispatch.Hooks) *dispatch.Mailbox {
	m := d.Mailbox().(*dispatch.Mailbox)
	m.RegisterHandlers(invoker{hooks: hooks}, nil)
	m.Start()
	return m
}

// invoker is as much of an actor as a mailbox needs to find its hooks.
type invoker struct {
	actor.Context
	hooks dispatch.Hooks
}

func (i invoker) Actor() actor.Actor          { return receiver{i.hooks} }
func (invoker) InvokeSystemMessage(any)       {}
func (invoker) InvokeUserMessage(any)         {}
func (invoker) EscalateFailure(reason, _ any) { panic(reason) }

type receiver struct{ dispatch.Hooks }

func (receiver) Receive(actor.Context) {}

// collector has hooks that collect signals.
type collector struct {
	bits atomic.Uint32
}

func (*collector) Item(any) bool           { return false }
func (*collector) BurstEnded()             {}
func (*collector) Exited()                 {}
func (c *collector) Signalled(bits uint32) { c.bits.Or(bits) }

func newCollector(d *dispatch.Dispatcher) (*collector, *dispatch.Mailbox) {
	c := &collector{}
	return c, mailbox(d, c)
}

// tcp is a connection over loopback.
func tcp(t *testing.T) (near, far *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	b, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	a, err := l.Accept()
	require.NoError(t, err)
	near, far = a.(*net.TCPConn), b.(*net.TCPConn)
	require.NoError(t, far.SetDeadline(time.Now().Add(limit)))
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}

// secured is a connection over TLS whose near end can be polled.
func secured(t *testing.T) (near, far *tls.Conn) {
	t.Helper()
	a, b := tcp(t)
	near, far = tls.Server(a, testcert.Server()), tls.Client(b, testcert.Client())
	shaken := make(chan error, 1)
	go func() { shaken <- near.Handshake() }()
	require.NoError(t, far.Handshake())
	require.NoError(t, <-shaken)
	require.NotNil(t, pollableBelow(near))
	return near, far
}
