package actors

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// gated is a handler that works a frame through only when it gets a token.
func (w *world) gated() (h *handler, gate chan struct{}) {
	gate = make(chan struct{})
	return w.handler(func(ctx actor.Context) {
		if isA[*frame.Frame](ctx.Message()) {
			<-gate
		}
	}), gate
}

// However the peer chops what it sends, a handler that does not work gets its
// credit and no more; what it has worked through is replaced; in the end nothing
// is lost or out of order.
func TestCredit(t *testing.T) {
	for _, test := range []struct {
		frames, bytes int // credit
		sent, size    int // of the peer
		handed        int // while the handler is stuck
	}{
		{frames: 64, bytes: 64 << 10, sent: 10_000, size: 0, handed: 64},
		{frames: 64, bytes: 64 << 10, sent: 1000, size: 1 << 10, handed: 64},
		{frames: 64, bytes: 64 << 10, sent: 100, size: 10 << 10, handed: 7},
		{frames: 64, bytes: 64 << 10, sent: 20, size: 200 << 10, handed: 1},
		{frames: 64, sent: 200, size: 5 << 10, handed: 64},
		{bytes: 64 << 10, sent: 20_000, size: 8, handed: 8192},
		{frames: 1, bytes: 1, sent: 1000, size: 10, handed: 1},
		{frames: 3, sent: 1000, size: 0, handed: 3},
		{sent: 1000, size: 1 << 10, handed: 1000},
	} {
		t.Run(fmt.Sprintf("%+v", test), func(t *testing.T) {
			virtually(t, func(w *world) {
				h, gate := w.gated()
				h.forgetful()
				plan := w.plan(h)
				plan.Limits.CreditFrames, plan.Limits.CreditBytes = test.frames, test.bytes
				order := make(map[string]int)
				plan.Top = pipeline.Chain(numbers(order), plan.Top.Stage())
				p, f := w.startFake(plan)
				var flood strings.Builder
				for i := range test.sent {
					number := fmt.Sprintf("%08d", i)[8-min(test.size, 8):]
					flood.WriteString(masked(frame.Text(number + strings.Repeat("x", test.size-len(number)))))
				}
				f.arrives(flood.String())
				synctest.Wait()
				require.Equal(w, test.handed, p.handed(), "handed over")
				read := flood.Len() - len(f.in)
				require.LessOrEqual(w, read, test.handed*(test.size+14)+readBuffer, "bytes taken from the socket")
				// One that is worked through makes space for at most one half.
				handled := 0
				for range min(10, test.sent) {
					gate <- struct{}{}
					handled++
					synctest.Wait()
					require.LessOrEqual(w, len(order), handled+max(test.handed, 1))
				}
				close(gate)
				f.arrives(masked(frame.Close(frame.Normal, "")))
				f.ends()
				require.Equal(w, frame.Normal, h.closed().Code)
				require.Equal(w, test.sent, h.frames())
			})
		})
	}
}

// numbers requires that the texts that go up are numbered from 0, and counts them.
func numbers(order map[string]int) pipeline.Stage {
	return pipeline.Tap(func(item any) {
		if m, ok := item.(*frame.Frame); ok && m.Opcode == frame.OpText {
			if len(m.Payload) >= 8 {
				if want := fmt.Sprintf("%08d", len(order)); string(m.Payload[:8]) != want {
					panic(fmt.Sprintf("%.8s comes up, want %s", m.Payload, want))
				}
			}
			order[fmt.Sprint(len(order))]++
		}
	}, nil)
}

// metered notes how far a wire is read ahead of a handler.
type metered struct {
	transport.Transport
	taken   int64         // bytes read
	handled *atomic.Int64 // bytes, by the handler
	ahead   atomic.Int64  // the most that the one was before the other
}

func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Transport.Read(p)
	m.taken += int64(n)
	m.ahead.Store(max(m.ahead.Load(), m.taken-m.handled.Load()))
	return n, err
}

// Over real sockets a peer that floods a handler which is late is made to wait:
// what is read ahead of the handler stays within the credit and a read buffer.
func TestFloodIsNotReadAhead(t *testing.T) {
	const size, count, credit = 1 << 10, 600, 4 << 10
	const soon = 200 << 10 // so much finds space in socket buffers
	everywhere(t, func(w *world) {
		var handled, written atomic.Int64
		late := make(chan struct{})
		h := w.handler(func(ctx actor.Context) {
			if f, ok := ctx.Message().(*frame.Frame); ok {
				<-late
				if got := fmt.Sprintf("%08d", handled.Load()/(size+8)); f.String()[:8] != got {
					w.Errorf("%.8s, want %s", f.Payload, got)
				}
				handled.Add(size + 8) // with the header
			}
		}).forgetful()
		plan := w.plan(h)
		plan.Limits.CreditBytes = credit
		near, far := w.pair()
		defer far.Close()
		var meter *metered
		p := w.start(plan, func(m *dispatch.Mailbox) transport.Transport {
			meter = &metered{Transport: w.rt.poller.Open(near, m, w.portable), handled: &handled}
			return meter
		})
		filler := strings.Repeat("x", size-8)
		var all sync.WaitGroup
		all.Go(func() {
			for i := range count {
				n, err := io.WriteString(far, masked(frame.Text(fmt.Sprintf("%08d", i)+filler)))
				assert.NoError(w, err)
				if written.Add(int64(n)) >= soon && written.Load()-int64(n) < soon {
					close(late)
				}
			}
			io.WriteString(far, masked(frame.Close(frame.Normal, "")))
		})
		all.Wait()
		_, err := readFrame(far)
		require.NoError(w, err)
		far.Close()
		require.Equal(w, frame.Normal, h.closed().Code)
		require.Equal(w, count, h.frames())
		require.LessOrEqual(w, int(meter.ahead.Load()), credit+size+8+readBuffer)
		w.eventually(p.ended, "the end")
	})
}

// One handler that is stuck holds no more than the credit of each of a thousand
// connections; then everything comes, in each one's order.
func TestCreditOfAThousand(t *testing.T) {
	conns, each := 1000, 100
	if testing.Short() {
		conns = 200
	}
	virtually(t, func(w *world) {
		gate := make(chan struct{})
		next := map[string]int{}
		h := w.handler(func(ctx actor.Context) {
			if f, ok := ctx.Message().(*frame.Frame); ok {
				<-gate
				if want := fmt.Sprint(next[ctx.Sender().Id]); f.String() != want {
					w.Errorf("%s, want %s", f, want)
				}
				next[ctx.Sender().Id]++
			}
		}).forgetful()
		plan := w.plan(h)
		var flood strings.Builder
		for i := range each {
			flood.WriteString(masked(frame.Text(fmt.Sprint(i))))
		}
		var wires []*fake
		for range conns {
			_, f := w.startFake(plan)
			f.arrives(flood.String())
			wires = append(wires, f)
		}
		synctest.Wait()
		for _, p := range w.peers {
			require.Equal(w, usual.CreditFrames, p.handed())
		}
		close(gate)
		for _, f := range wires {
			f.arrives(masked(frame.Close(frame.Normal, "")))
			f.ends()
		}
		w.eventually(func() bool { return told[*pipeline.Closed](h) == conns }, "all ends")
		require.Equal(w, conns*each, h.frames())
	})
}

// A handler that stops while connections wait for its credit ends them.
func TestHandlerStopsWithoutCredit(t *testing.T) {
	everywhere(t, func(w *world) {
		h, gate := w.gated()
		h.mortal = true
		p := w.link(w.plan(h))
		h.greeted()
		go io.WriteString(p.Conn, strings.Repeat(masked(frame.Text(strings.Repeat("x", 1000))), 1000))
		h.text(strings.Repeat("x", 1000))
		w.system.Root.Stop(h.pid)
		close(gate)
		p.closes(frame.InternalError)
		p.Close()
	})
}

// A shared handler that panics at every Touch, and is resumed, keeps its credit:
// all of a flood comes, and the peer's Close is answered.
func TestHandlerPanicsOnTouch(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.spawned().forgetful()
		panics := 0
		ticklish := func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
				if isA[*actor.Touch](env.Message) {
					panics++
					panic("touched")
				}
				next(ctx, env)
			}
		}
		h.pid = w.system.Root.Spawn(h.props.Configure(actor.WithReceiverMiddleware(ticklish), actor.WithGuardian(actor.NewOneForOneStrategy(0, 0, func(any) actor.Directive { return actor.ResumeDirective }))))
		_, f := w.startFake(w.plan(h))
		f.arrives(strings.Repeat(masked(frame.Text("x")), 1000) + masked(frame.Close(frame.Normal, "")))
		f.ends()
		end := h.closed()
		require.Equal(w, frame.Normal, end.Code)
		require.True(w, end.Clean)
		require.Equal(w, 1000, h.frames())
		w.system.Root.StopFuture(h.pid).Wait()
		require.Greater(w, panics, 30)
	})
}

// A peer that resets a connection whose handler has no credit left: what it sent before
// is handed over as credit comes back, and only then is that the end.
func TestResetWithoutCredit(t *testing.T) {
	everywhere(t, func(w *world) {
		h, gate := w.gated()
		h.forgetful()
		open := sync.OnceFunc(func() { close(gate) })
		defer open()
		p := w.link(w.plan(h))
		h.greeted()
		p.send(strings.Repeat(masked(frame.Text("x")), 100))
		w.eventually(func() bool { return p.handed() == usual.CreditFrames }, "a pause")
		p.reset()
		open()
		end := h.closed()
		require.Equal(w, frame.Abnormal, end.Code)
		require.ErrorIs(w, end.Err, syscall.ECONNRESET)
		require.Equal(w, 100, h.frames())
	})
}

// Touches are sent for halves of the credit, not for every message.
func TestTouchesAreFew(t *testing.T) {
	virtually(t, func(w *world) {
		touches := 0
		h := w.spawned().forgetful()
		counting := func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(ctx actor.ReceiverContext, env *actor.MessageEnvelope) {
				if isA[*actor.Touch](env.Message) {
					touches++
				}
				next(ctx, env)
			}
		}
		h.pid = w.system.Root.Spawn(h.props.Configure(actor.WithReceiverMiddleware(counting)))
		_, f := w.startFake(w.plan(h))
		f.arrives(strings.Repeat(masked(frame.Text("x")), 3200))
		synctest.Wait()
		require.Equal(w, 3200, h.frames())
		require.Equal(w, 100, touches)
		f.ends()
		h.closed()
		w.system.Root.StopFuture(h.pid).Wait()
	})
}

// A pause that a stage ends again within the same piece of input holds nothing up, also where that
// input had waited for the end of another pause.
func TestPauseThatIsOverAtOnce(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		plan.Top = pipeline.Chain(plan.Top.Stage(), pipeline.Stage(func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
			return func(item any) {
				if f, is := item.(*frame.Frame); is {
					switch f.String() {
					case "pause":
						down(&pipeline.Pause{})
					case "not at all":
						down(&pipeline.Pause{})
						down(&pipeline.Resume{})
					}
				}
				up(item)
			}, down
		}))
		p, f := w.startFake(plan)
		h.greeted()
		f.arrives(masked(frame.Text("pause")) + masked(frame.Text("not at all")) + masked(frame.Text("the last")))
		h.text("pause")
		w.system.Root.Send(p.pid, &pipeline.Resume{})
		h.text("not at all")
		h.text("the last")
		f.arrives(masked(frame.Close(frame.Normal, "")))
		f.ends()
		require.Equal(w, frame.Normal, h.closed().Code)
	})
}
