package sockets

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/require"
)

// A handler that locks its goroutine to a thread, and never unlocks it, harms nobody: not
// even who is in the middle of a compressed message.
func TestHandlerLocksItsThread(t *testing.T) {
	everywhere(t, func(w *world) {
		locker := w.spawned(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*frame.Frame); ok {
				runtime.LockOSThread()
			}
		}, echo)
		quiet := w.spawned(echo)
		bad := w.upgrade(w.websocket(&UpgradeServer{Spawn: locker.props}))
		addr := w.websocket(&UpgradeServer{Spawn: quiet.props, Options: &Options{Compression: &pipeline.Compression{Threshold: 1 << 20}}})
		good := w.dial(addr)
		good.send(handshake(addr, "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover"))
		good.answer("GET")
		lock := func() {
			bad.send(masked(frame.Text("lock")))
			require.Equal(w, "lock", bad.frame().String())
		}
		// RFC 7692 7.2.3.5: "Hello" in two blocks, here in two frames.
		first := frame.Fragment(frame.OpText, false, []byte("\xf2\x48\x05\x00\x00\x00\xff\xff"))
		first.RSV = frame.RSV1
		second := frame.Fragment(frame.OpContinuation, true, []byte("\xca\xc9\xc9\x07\x00"))
		for range 20 {
			good.send(masked(first))
			lock()
			good.send(masked(frame.Ping(nil)))
			require.Equal(w, frame.OpPong, good.frame().Opcode) // the piece was taken up
			lock()
			good.send(masked(second))
			require.Equal(w, "Hello", strings.ToValidUTF8(good.frame().String(), "?"))
		}
		for _, p := range []*peer{bad, good} {
			p.send(masked(frame.Close(frame.Normal, "")))
			p.closes(frame.Normal)
			p.Close()
		}
	})
}

// Goexit in a turn ends its goroutine and nobody's connection: a handler on the dispatcher
// goes on with the next message.
func TestHandlerEndsItsGoroutine(t *testing.T) {
	everywhere(t, func(w *world) {
		exits := func(ctx actor.Context) {
			if f, ok := ctx.Message().(*frame.Frame); ok && f.String() == "exit" {
				runtime.Goexit()
			}
		}
		shared := w.spawned(exits, echo)
		shared.pid = w.system.Root.Spawn(shared.props.Clone(Dispatcher(w.system)))
		w.Cleanup(func() { w.system.Root.PoisonFuture(shared.pid).Wait() })
		for _, h := range []*handler{w.spawned(exits, echo), shared} {
			u := &UpgradeServer{FrameHandler: h.pid}
			if h.pid == nil {
				u.Spawn = h.props
			}
			p := w.upgrade(w.websocket(u))
			for range 200 { // more than the credit
				p.send(masked(frame.Text("exit")), masked(frame.Text("stay")))
				require.Equal(w, "stay", p.frame().String())
			}
			p.send(masked(frame.Close(frame.Normal, "")))
			p.closes(frame.Normal)
			p.Close()
			h.untilClosed()
		}
	})
}

// The handler that a ReconnectActor starts is on the dispatcher, too.
func TestHandlerOfAReconnectActorEndsItsGoroutine(t *testing.T) {
	w := newWorld(t, bare)
	heard := make(chan string, 2)
	h := w.spawned(func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			heard <- f.String()
			runtime.Goexit()
		}
	})
	pid, err := ReconnectActor(w.system, w.url(w.session(nil, echoes)), &UpgradeClient{Spawn: h.props}, nil)
	require.NoError(w, err)
	h.upgraded()
	for _, text := range []string{"exit", "again"} {
		w.system.Root.Send(pid, frame.Text(text))
		select {
		case s := <-heard:
			require.Equal(w, text, s)
		case <-time.After(testTimeout):
			require.FailNow(w, "it is silent")
		}
	}
	w.system.Root.Stop(pid)
	gone(w, pid)
	h.untilFinal()
}

// A handler on proto.actor's own dispatcher is silent for ever after Goexit. Its connections
// end, with an error that says so, when their credit's time is over: also those that had
// sent little, and those that come later.
func TestHandlerEndsItsGoroutineElsewhere(t *testing.T) {
	sampled(t, func(w *world) {
		h := w.spawned(func(ctx actor.Context) {
			if f, ok := ctx.Message().(*frame.Frame); ok && f.String() == "exit" {
				runtime.Goexit()
			}
		}, echo)
		h.mortal = true // it cannot be told the end
		h.pid = w.system.Root.Spawn(h.props)
		w.Cleanup(func() { w.system.ProcessRegistry.Remove(h.pid) }) // nor be stopped
		s := &Server{Server: quiet(w.upgrading(&UpgradeServer{FrameHandler: h.pid, Options: &Options{CreditTimeout: 200 * time.Millisecond}})), System: w.system, MaxConns: 3}
		addr := w.run(s)
		other, bad := w.upgrade(addr), w.upgrade(addr)
		h.upgraded()
		h.upgraded()
		other.send(masked(frame.Text("hello")))
		require.Equal(w, "hello", other.frame().String())
		bad.send(masked(frame.Text("exit")))
		require.Contains(w, bad.closes(frame.InternalError), "handler")
		other.send(masked(frame.Text("anybody there?")))
		other.closes(frame.InternalError)
		late := w.upgrade(addr)
		late.send(numbered(100))
		late.closes(frame.InternalError)
		for _, p := range []*peer{other, bad, late} {
			p.Close()
		}
		for range 3 { // their places are free
			w.admitted(addr).Close()
		}
	})
}

// However many changes of its options wait for a connection, others have their turns.
func TestFloodOfOptionsStallsNobody(t *testing.T) {
	changes := 200_000
	if testing.Short() && racing {
		changes = 20_000
	}
	w := newWorld(t, bare)
	h := w.handler(echo)
	addr := w.websocket(&UpgradeServer{FrameHandler: h.pid})
	p := w.upgrade(addr)
	flooded, _ := h.upgraded()
	q := w.upgrade(addr)
	h.upgraded()
	var worst time.Duration
	echoes := func() {
		began := time.Now()
		q.send(masked(frame.Text("x")))
		require.Equal(t, "x", q.frame().String())
		worst = max(worst, time.Since(began))
	}
	began := time.Now()
	done := make(chan any, 1)
	go func() {
		for n := range changes {
			w.system.Root.Send(flooded, &SetOptions{PingInterval: time.Minute + time.Duration(n)})
		}
		r, _ := w.system.Root.RequestFuture(flooded, &Flush{}, testTimeout).Result()
		done <- r
	}()
	for over := false; !over; {
		echoes()
		select {
		case r := <-done:
			require.IsType(t, &Flushed{}, r)
			over = true
		default:
		}
	}
	all := time.Since(began)
	t.Log("all took", all, "worst echo", worst)
	require.Less(t, worst, max(time.Second, all/4), "on a busy machine all of it is slow")
	p.Close()
	q.Close()
	h.untilClosed()
	h.untilClosed()
}
