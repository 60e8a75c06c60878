package remote

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func TestEchoByAnotherNode(t *testing.T) {
	worker, gateway := start(t, Config{}), start(t, Config{})
	h := worker.handler("echo", echo)
	c := dial(t, gateway.serve(worker.node.Addr(), "echo"))
	says(t, c, "hello")
	require.NoError(t, c.Close(frame.Normal, "bye"))
	closed, _ := next[*sockets.Closed](t, h)
	require.True(t, closed.Clean)
	require.Equal(t, "bye", closed.Reason)
	h.judge(t)
}

// The handler's code does not know: whatever it is told and may say crosses.
func TestHandlerDoesNotKnow(t *testing.T) {
	worker, gateway := start(t, Config{}), start(t, Config{})
	h := worker.handler("room", nil)
	mux := http.NewServeMux()
	mux.Handle("GET /chat/{room}", &sockets.Handler{System: gateway.system, New: func(r *http.Request) (*sockets.UpgradeServer, error) {
		return &sockets.UpgradeServer{FrameHandler: actor.NewPID(worker.node.Address(), "room"), Value: "alice",
			Options: &sockets.Options{Subprotocols: []string{"v1"}, PingInterval: -1}}, nil
	}})
	url := gateway.http(mux)
	c, err := sockets.Dial(t.Context(), url+"/chat/lobby?x=1", &sockets.DialOptions{
		Header:  http.Header{"X-Name": {"Ren\xe9e"}},
		Options: &sockets.Options{Subprotocols: []string{"v1"}},
	})
	require.NoError(t, err)
	u, conn := next[*sockets.Upgraded](t, h)
	assert.Equal(t, "Ren\xe9e", u.Request.Header.Get("X-Name"), "a header may have any bytes")
	assert.Equal(t, "lobby", u.Request.PathValue("room"))
	assert.Equal(t, "/chat/lobby?x=1", u.Request.RequestURI)
	assert.Equal(t, "1", u.Request.URL.Query().Get("x"))
	assert.Equal(t, []any{"v1", "alice"}, []any{u.Subprotocol, u.Value})
	assert.NoError(t, u.Request.Context().Err())
	assert.Equal(t, gateway.node.Address(), conn.Address)
	assert.Equal(t, "node "+conn.Address, fmt.Sprintf("%+v", gateway.node))

	root := worker.system.Root
	root.Send(conn, frame.Ping([]byte("now")))
	rtt, _ := next[*sockets.RoundTripTime](t, h)
	assert.Equal(t, "now", string(rtt.Payload))

	root.Send(conn, frame.Binary([]byte{1, 2, 3}))
	f, err := c.Receive(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []any{frame.OpBinary, []byte{1, 2, 3}}, []any{f.Opcode, f.Payload})

	answer, err := root.RequestFuture(conn, &sockets.Flush{}, 5*time.Second).Result()
	require.NoError(t, err)
	assert.Equal(t, &sockets.Flushed{}, answer)

	root.Send(conn, &sockets.SetOptions{MaxMessage: 10})
	_, err = root.RequestFuture(conn, &sockets.Flush{}, 5*time.Second).Result() // it is in force
	require.NoError(t, err)
	require.NoError(t, c.Send(t.Context(), frame.Text("0123456789")))
	f, _ = next[*frame.Frame](t, h)
	assert.Equal(t, "0123456789", f.String())
	require.NoError(t, c.Send(t.Context(), frame.Text("0123456789A")))
	ends(t, []*sockets.Conn{c}, 5*time.Second, frame.TooBig)
	closed, _ := next[*sockets.Closed](t, h)
	var cause *frame.Error
	require.ErrorAs(t, closed.Err, &cause)
	assert.Equal(t, frame.TooBig, cause.Code)
	assert.ErrorIs(t, u.Request.Context().Err(), context.Canceled, "it ends with the connection")
	h.judge(t)

	other := dial(t, url+"/chat/x") // and what ends it from the handler's side
	_, conn = next[*sockets.Upgraded](t, h)
	root.Send(conn, &sockets.Leave{Code: 4000, Reason: "go"})
	_, err = other.Receive(t.Context())
	var end *sockets.CloseError
	require.ErrorAs(t, err, &end)
	assert.Equal(t, frame.Code(4000), end.Code)
}

func TestLargeFramesBothWays(t *testing.T) {
	worker, gateway := start(t, Config{}), start(t, Config{})
	worker.handler("echo", echo)
	url := gateway.serve(worker.node.Addr(), "echo")
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	c := dial(t, url)
	require.NoError(t, c.Send(t.Context(), frame.Binary(big)))
	f, err := c.Receive(t.Context())
	require.NoError(t, err)
	require.True(t, bytes.Equal(big, f.Payload))

	const n = 100
	failed := make(chan error, n)
	for range n {
		c := dial(t, url)
		go func() {
			payload := big[:64<<10]
			err := c.Send(t.Context(), frame.Binary(payload))
			var f *frame.Frame
			if err == nil {
				f, err = c.Receive(t.Context())
			}
			if err == nil && !bytes.Equal(payload, f.Payload) {
				err = fmt.Errorf("%d bytes came", len(f.Payload))
			}
			failed <- err
		}()
	}
	for range n {
		require.NoError(t, <-failed)
	}
}

// Credit works over the wire: a slow handler has no more than its own waiting.
func TestSlowHandlerIsBoundedByCredit(t *testing.T) {
	worker, gateway := start(t, Config{}), start(t, Config{})
	const credit = 8
	gate := make(chan struct{})
	most := 0
	var mailbox interface{ UserMessageCount() int }
	h := worker.handler("slow", func(ctx actor.Context) {
		if _, ok := ctx.Message().(*frame.Frame); ok {
			<-gate
			most = max(most, mailbox.UserMessageCount())
		}
	})
	process, _ := worker.system.ProcessRegistry.GetLocal("slow")
	mailbox = dispatchOf(process)
	c := dial(t, gateway.serve(worker.node.Addr(), "slow", func(h *sockets.Handler) { h.Options = &sockets.Options{CreditFrames: credit} }))
	const messages = 500
	go func() {
		for range messages {
			if c.Send(t.Context(), frame.Text("x")) != nil {
				return
			}
		}
		c.Flush(t.Context())
	}()
	go func() {
		for range messages {
			gate <- struct{}{}
		}
	}()
	for range messages {
		next[*frame.Frame](t, h)
	}
	assert.LessOrEqual(t, most, 2*credit+2, "frames and Touches")
}

func TestNoWorkerThere(t *testing.T) {
	gateway := start(t, Config{})
	refused(t, gateway.serve("127.0.0.1:1", "echo"))
}

// What cannot cross is refused, in a line that says what to do.
func TestWhatCannotCross(t *testing.T) {
	var said logged
	worker, gateway := start(t, Config{}), start(t, Config{Log: said.logger()})
	h := worker.handler("echo", echo)
	for name, change := range map[string]func(h *sockets.Handler){
		"streamed": func(h *sockets.Handler) { h.Options = &sockets.Options{StreamOver: 1 << 10} },
		"value": func(h *sockets.Handler) {
			to := h.FrameHandler
			h.New = func(*http.Request) (*sockets.UpgradeServer, error) {
				return &sockets.UpgradeServer{FrameHandler: to, Value: struct{}{}}, nil
			}
		},
	} {
		_, err := sockets.Dial(t.Context(), gateway.serve(worker.node.Addr(), "echo", change), nil)
		assert.ErrorContains(t, err, "500", name)
	}
	type typed struct{ A int }
	c := dial(t, gateway.serve(worker.node.Addr(), "echo", func(h *sockets.Handler) { h.Stages = []pipeline.Stage{pipeline.JSON[typed]()} }))
	require.NoError(t, c.Send(t.Context(), frame.Text(`{"A":1}`)))
	ends(t, []*sockets.Conn{c}, 5*time.Second, frame.InternalError)
	assert.Contains(t, said.String(), "*remote.typed cannot be sent to another node")
	closed, conn := next[*sockets.Closed](t, h)
	_ = closed
	worker.system.Root.Send(conn, "a string")
	eventually(t, "the count", func() bool { return worker.node.Stats().Refused == 1 })
}

// A link that is lost, and the table of what both sides see.
func TestLinkIsLost(t *testing.T) {
	for _, side := range []string{"worker", "gateway"} {
		worker, gateway := start(t, Config{}), start(t, Config{})
		h := worker.handler("echo", echo)
		conns := crowd(t, 20, gateway.serve(worker.node.Addr(), "echo"))
		at := map[string]*Node{"worker": worker.node, "gateway": gateway.node}[side]
		at.allLinks()[0].sever(errSilent)
		ends(t, conns, 5*time.Second, frame.InternalError)
		eventually(t, "the Closeds", func() bool { return h.closeds() == 20 })
		for _, c := range h.judge(t) {
			assert.Equal(t, frame.Abnormal, c.Code)
			assert.ErrorIs(t, c.Err, ErrLinkLost)
		}
	}
}

func TestAnotherHandlerTakesOver(t *testing.T) {
	first, second := start(t, Config{}), start(t, Config{})
	gateway := start(t, Config{Another: func(lost *actor.PID) *actor.PID { return actor.NewPID(second.node.Addr(), lost.Id) }})
	require.NoError(t, gateway.node.Connect(t.Context(), second.node.Addr()))
	first.handler("echo", echo)
	h := second.handler("echo", echo)
	conns := crowd(t, 20, gateway.serve(first.node.Addr(), "echo"))
	first.node.Close()
	for range conns {
		u, _ := next[*sockets.Upgraded](t, h)
		assert.False(t, u.Again)
	}
	for _, c := range conns {
		says(t, c, "still here")
		require.NoError(t, c.Close(frame.Normal, ""))
	}
	eventually(t, "the Closeds", func() bool { return h.closeds() == 20 })
	for _, c := range h.judge(t) {
		assert.True(t, c.Clean)
	}
}

// An Another that does not return costs the connections that it is asked for, and nobody else.
func TestAnotherPanics(t *testing.T) {
	for name, leave := range map[string]func(){"panics": func() { panic("on purpose") }, "exits": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			first, second := start(t, Config{}), start(t, Config{})
			gateway := start(t, Config{Another: func(*actor.PID) *actor.PID { leave(); return nil }})
			first.handler("echo", echo)
			second.handler("echo", echo)
			other := dial(t, gateway.serve(second.node.Addr(), "echo"))
			conns := crowd(t, 3, gateway.serve(first.node.Addr(), "echo"))
			first.node.Close()
			ends(t, conns, 5*time.Second, frame.InternalError)
			says(t, other, "still here")
			require.NoError(t, other.Close(frame.Normal, ""))
		})
	}
}

// A handler that is not there, stops, or panics is known to its connections as a local one is.
func TestHandlersEnd(t *testing.T) {
	worker, gateway := start(t, Config{}), start(t, Config{})
	ends(t, []*sockets.Conn{dial(t, gateway.serve(worker.node.Addr(), "nobody"))}, 5*time.Second, frame.InternalError)

	h := worker.handler("mortal", func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			if f.String() == "panic" {
				panic("on purpose")
			}
			ctx.Respond(f)
		}
	})
	c := dial(t, gateway.serve(worker.node.Addr(), "mortal"))
	u, _ := next[*sockets.Upgraded](t, h)
	require.False(t, u.Again)
	require.NoError(t, c.Send(t.Context(), frame.Text("panic")))
	u, _ = next[*sockets.Upgraded](t, h)
	require.True(t, u.Again, "it was restarted, and is told again")
	says(t, c, "lives on")
	worker.system.Root.Stop(worker.system.NewLocalPID("mortal"))
	ends(t, []*sockets.Conn{c}, 5*time.Second, frame.InternalError)
	eventually(t, "empty books", func() bool { return worker.node.Stats().Handled == 0 })
}

// A node that is asked for a link, and does not answer, keeps nobody who closes this one.
func TestCloseWhileDialling(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it accepts, in the kernel
	require.NoError(t, err)
	defer silent.Close()
	m := start(t, Config{DialTimeout: time.Minute})
	failed := make(chan error, 1)
	go func() { failed <- m.node.Connect(context.Background(), silent.Addr().String()) }()
	nc, err := silent.Accept()
	require.NoError(t, err)
	defer nc.Close()
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		m.node.Close()
	}()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		require.Fail(t, "Close waits")
	}
	var away *AwayError
	require.ErrorAs(t, <-failed, &away)
}

// A handler that is restarted again and again loses its connections, is told so, and the books forget them.
func TestHandlerThatKeepsRestarting(t *testing.T) {
	worker, gateway := start(t, Config{}), start(t, Config{})
	h := worker.handler("desk", func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok && f.String() == "panic" {
			panic("on purpose")
		}
		echo(ctx)
	})
	url := gateway.serve(worker.node.Addr(), "desk")
	conns := []*sockets.Conn{dial(t, url), dial(t, url)}
	says(t, conns[0], "hi")
	says(t, conns[1], "hi")
	for range 8 { // after ten proto.actor stops it
		require.NoError(t, conns[0].Send(t.Context(), frame.Text("panic")))
	}
	ends(t, conns, 5*time.Second, frame.InternalError)
	eventually(t, "the Closeds", func() bool { return h.closeds() == 2 })
	eventually(t, "empty books", func() bool { return worker.node.Stats().Handled == 0 })
}

// A handler that takes the place of one that stops, under its name, keeps its own connections: those of the other end.
func TestHandlerTakesThePlaceOfAnother(t *testing.T) {
	worker, gateway := start(t, Config{}), start(t, Config{})
	url := gateway.serve(worker.node.Addr(), "desk")
	stopping, stopped := make(chan struct{}), make(chan struct{})
	first, err := worker.system.Root.SpawnNamed(actor.PropsFromFunc(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *sockets.Upgraded:
			ctx.Respond(frame.Text("first"))
		case *actor.Stopped: // its name is free, and nobody has been told
			close(stopping)
			<-stopped
		}
	}), "desk")
	require.NoError(t, err)
	before := dial(t, url)
	text, err := before.ReceiveText(t.Context())
	require.NoError(t, err)
	require.Equal(t, "first", text)
	worker.system.Root.Stop(first)
	<-stopping
	h := worker.handler("desk", echo)
	after := dial(t, url)
	says(t, after, "second")
	close(stopped)
	ends(t, []*sockets.Conn{before}, 5*time.Second, frame.InternalError)
	says(t, after, "lives on")
	require.NoError(t, after.Close(frame.Normal, ""))
	next[*sockets.Closed](t, h)
	h.judge(t)
	last := dial(t, url)
	says(t, last, "watched")
	worker.system.Root.Stop(worker.system.NewLocalPID("desk"))
	ends(t, []*sockets.Conn{last}, 5*time.Second, frame.InternalError)
	eventually(t, "empty books", func() bool { return worker.node.Stats().Handled == 0 })
}

// Actors of the program's own talk over links as well, and watch each other.
func TestActorsOfTheProgram(t *testing.T) {
	a, b := start(t, Config{}), start(t, Config{})
	_, err := b.system.Root.SpawnNamed(actor.PropsFromFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*wrapperspb.StringValue); ok {
			ctx.Respond(wrapperspb.String(m.Value + "!" + ctx.MessageHeader().Get("k")))
		}
	}), "shout")
	require.NoError(t, err)
	there, same := actor.NewPID(b.node.Addr(), "shout"), actor.NewPID(b.node.Address(), "shout")
	shout := func(there *actor.PID) {
		answer, err := a.system.Root.RequestFuture(there, wrapperspb.String("hi"), 5*time.Second).Result()
		require.NoError(t, err)
		assert.Equal(t, "hi!", answer.(*wrapperspb.StringValue).Value)
	}
	shout(there)

	var addresses []string
	gone := make(chan *actor.Terminated, 10)
	watch := func(pid *actor.PID) {
		sent := make(chan struct{})
		a.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *actor.Started:
				ctx.Watch(pid)
				close(sent)
			case *actor.Terminated:
				gone <- m
			}
		}))
		<-sent
	}
	watch(actor.NewPID(b.node.Addr(), "nobody"))
	assert.Equal(t, actor.TerminatedReason_NotFound, (<-gone).Why)
	watch(there)
	watch(same)
	shout(there) // behind the one
	shout(same)  // and the other
	require.Equal(t, 2, a.node.watchCount())
	b.system.Root.Stop(b.system.NewLocalPID("shout"))
	for range 2 {
		m := <-gone
		assert.Equal(t, actor.TerminatedReason_Stopped, m.Why)
		addresses = append(addresses, m.Who.Address)
	}
	assert.ElementsMatch(t, []string{b.node.Addr(), b.node.Address()}, addresses, "each by the address that it has watched")
	b.handler("other", nil)
	watch(actor.NewPID(b.node.Addr(), "other"))
	eventually(t, "a watcher", func() bool { return a.node.watchCount() == 1 })
	b.node.Close()
	lost := <-gone
	assert.Equal(t, actor.TerminatedReason_AddressTerminated, lost.Why)
	assert.Equal(t, b.node.Addr(), lost.Who.Address)
}

// All that is sent to a node before there is a link to it arrives, in order, up to MaxQueue.
func TestManyBeforeTheLink(t *testing.T) {
	const many = 5000
	a, b := start(t, Config{}), start(t, Config{})
	numbers := make(chan int32, many)
	_, err := b.system.Root.SpawnNamed(actor.PropsFromFunc(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*wrapperspb.Int32Value); ok {
			numbers <- m.Value
		}
	}), "counts")
	require.NoError(t, err)
	there := actor.NewPID(b.node.Addr(), "counts")
	for i := range many {
		a.system.Root.Send(there, wrapperspb.Int32(int32(i)))
	}
	for i := range many {
		select {
		case n := <-numbers:
			require.EqualValues(t, i, n)
		case <-time.After(10 * time.Second):
			require.Fail(t, "lost", "%d and on, refused: %d", i, a.node.Stats().Refused)
		}
	}

	const large = 1 << 20
	for _, m := range []any{wrapperspb.Bytes(make([]byte, large)), frame.Binary(make([]byte, large))} {
		assert.Greater(t, (&delayed{m: m}).bytes(), large)
	}
	c := start(t, Config{MaxQueue: 1})
	dead := make(chan any, many)
	subscription := c.system.EventStream.Subscribe(func(m any) {
		if d, ok := m.(*actor.DeadLetterEvent); ok && d.PID.Id == "counts" {
			dead <- d.Message
		}
	})
	defer c.system.EventStream.Unsubscribe(subscription)
	nowhere := actor.NewPID("127.0.0.1:1", "counts")
	for range 1000 {
		c.system.Root.Send(nowhere, wrapperspb.String("for nobody"))
	}
	for range 1000 {
		<-dead
	}
	assert.EqualValues(t, 1000, c.node.Stats().Refused)
}

// A program may send to a node again what has become a dead letter on the way there, and ask a node for its peers when it logs.
func TestNodeIsUsedByItsLog(t *testing.T) {
	var a atomic.Pointer[machine]
	asks := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		if a := a.Load(); a != nil {
			a.node.Peers()
			a.system.Root.Send(actor.NewPID("127.0.0.1:1", "log"), wrapperspb.Bytes(p))
		}
		return len(p), nil
	}), nil))
	b := start(t, Config{})
	for name, queue := range map[string]int{"nobody is there": 0, "too much waits": 1} {
		m := start(t, Config{MaxQueue: queue, Log: asks})
		a.Store(m)
		again := make(chan string, 10)
		subscription := m.system.EventStream.Subscribe(func(letter any) {
			if d, ok := letter.(*actor.DeadLetterEvent); ok && d.PID.Id == "again" {
				select {
				case again <- fmt.Sprint(d.Message):
					m.system.Root.Send(d.PID, d.Message)
				default:
				}
			}
		})
		m.system.Root.Send(actor.NewPID("127.0.0.1:1", "again"), wrapperspb.String("hello"))
		for range cap(again) {
			select {
			case <-again:
			case <-time.After(20 * time.Second):
				require.Fail(t, "sent again, nothing comes back", name)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		require.NoError(t, m.node.Connect(ctx, b.node.Addr()), name)
		cancel()
		m.system.EventStream.Unsubscribe(subscription)
		a.Store(nil)
	}
}

// A program may ask a node for its peers, and watch an actor of another, when it hears what nobody takes.
func TestNodeIsUsedByItsDeadLetters(t *testing.T) {
	var node atomic.Pointer[Node]
	peers := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		if n := node.Load(); n != nil {
			n.Peers()
		}
		return len(p), nil
	}), nil))
	a, b := start(t, Config{}), start(t, Config{Log: peers})
	node.Store(b.node)
	there := a.system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
	self := b.system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
	heard := make(chan int, 10)
	b.system.EventStream.Subscribe(func(letter any) {
		if d, ok := letter.(*actor.DeadLetterEvent); ok && d.PID.Id == "nobody" {
			process, _ := b.system.ProcessRegistry.Get(there)
			process.SendSystemMessage(there, &actor.Watch{Watcher: self})
			heard <- len(b.node.Peers())
		}
	})
	require.NoError(t, a.node.Connect(t.Context(), b.node.Addr()))
	require.NoError(t, b.node.Connect(t.Context(), a.node.Addr()))
	for _, to := range []string{"nobody", nodeID, "nobody"} { // what is for the node itself is refused, which the log is told
		a.system.Root.Send(actor.NewPID(b.node.Addr(), to), wrapperspb.String("hello"))
	}
	for range 2 {
		select {
		case n := <-heard:
			assert.Equal(t, 1, n)
		case <-time.After(10 * time.Second):
			require.Fail(t, "the node waits for itself")
		}
	}
	assert.EqualValues(t, 1, b.node.Stats().Refused)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// Shutdown returns when handlers have worked through the last that they were told, or when its time is over.
func TestShutdownWaitsForHandlers(t *testing.T) {
	for _, stuck := range []bool{false, true} {
		worker, gateway := start(t, Config{}), start(t, Config{})
		goOn := make(chan struct{})
		worked := make(chan struct{})
		worker.handler("slow", func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *frame.Frame:
				ctx.Respond(m)
			case *sockets.Closed:
				<-goOn
				close(worked)
			}
		})
		c := dial(t, gateway.serve(worker.node.Addr(), "slow"))
		says(t, c, "hello")
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		down := make(chan error, 1)
		go func() { down <- worker.node.Shutdown(ctx) }()
		ends(t, []*sockets.Conn{c}, 5*time.Second, frame.ServiceRestart)
		if stuck {
			cancel()
			<-down
			eventually(t, "nobody waits for the handler", func() bool {
				all := make([]byte, 1<<20)
				return !strings.Contains(string(all[:runtime.Stack(all, true)]), "workedThrough")
			})
			close(goOn)
			continue
		}
		eventually(t, "empty books", func() bool { return worker.node.Stats().Handled == 0 })
		select {
		case err := <-down:
			t.Error("Shutdown has not waited for the handler")
			down <- err
		case <-time.After(50 * time.Millisecond):
		}
		close(goOn)
		assert.NoError(t, <-down)
		select {
		case <-worked:
		default:
			t.Error("the handler has not worked through Closed")
		}
		cancel()
	}
}

// A worker that restarts at its address hears nothing of its predecessor's, whoever remembers it.
func TestRestartAtTheSameAddress(t *testing.T) {
	gateway := start(t, Config{})
	worker := start(t, Config{})
	worker.handler("echo", echo)
	addr, before := worker.node.Addr(), worker.node.Address()
	url := gateway.serve(addr, "echo")
	c := dial(t, url)
	says(t, c, "hello")
	worker.node.Close()
	ends(t, []*sockets.Conn{c}, 5*time.Second, frame.InternalError)

	again := startAgain(t, addr)
	h := again.handler("echo", echo)
	require.NotEqual(t, before, again.node.Address())
	eventually(t, "a link", func() bool { return gateway.node.Connect(t.Context(), addr) == nil })
	answer := gateway.system.Root.RequestFuture(actor.NewPID(before, "echo"), wrapperspb.String("are you there?"), 300*time.Millisecond)
	_, err := answer.Result()
	assert.Error(t, err)
	assert.Error(t, gateway.node.Connect(t.Context(), before))
	says(t, dial(t, url), "again")
	_, conn := next[*sockets.Upgraded](t, h)
	assert.True(t, strings.HasPrefix(conn.Address, gateway.node.Addr()))
}

// What Start's documentation says of grpc's logger, and why the race detector is told to look away from it.
func TestStartSilencesGRPC(t *testing.T) {
	var said logged
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, &said))
	grpclog.Error("before")
	start(t, Config{})
	grpclog.Error("behind")
	assert.Contains(t, said.String(), "before")
	assert.NotContains(t, said.String(), "behind", "proto.actor leaves grpc's logger alone: take it out of testdata/race.suppressions")
}
