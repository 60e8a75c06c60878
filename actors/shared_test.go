package actors

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/handlers"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A hub with a thousand connections that is restarted is told of each once, and others get
// their turns meanwhile.
func TestRestartOfAHubStallsNobody(t *testing.T) {
	const members = 1000
	w := newWorld(t, onPoller)
	var announced atomic.Int32
	hub := w.spawned()
	hub.bystander = true
	hub.keep = func(any) bool { return false }
	hub.pid = w.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch ctx.Message().(type) {
		case *greeting:
			announced.Add(1)
		case string:
			panic("restart me")
		}
	}))
	w.Cleanup(func() { w.system.Root.StopFuture(hub.pid).Wait() })
	plan := w.plan(hub)
	plan.HelloAgain = &greeting{}
	for range members {
		w.link(plan)
	}
	other := w.handler(echo)
	p := w.link(w.plan(other))
	worst := time.Duration(0)
	echoes := func() {
		began := time.Now()
		p.send(masked(frame.Text("x")))
		p.text("x")
		worst = max(worst, time.Since(began))
	}
	w.system.Root.Send(hub.pid, "panic")
	for announced.Load() < members {
		echoes()
	}
	t.Log("worst echo:", worst)
	assert.Less(t, worst, time.Second) // each of the thousand is a turn of some microseconds
	for range 20 {
		echoes()
	}
	assert.EqualValues(t, members, announced.Load())
	w.system.Root.StopFuture(hub.pid).Wait() // which ends them all, in batches too
	var all sync.WaitGroup
	for _, m := range w.peers[:members] {
		all.Go(func() {
			if f, err := readFrame(m.in); err != nil || f.Opcode != frame.OpClose {
				w.Errorf("%v %v", f, err)
			}
			m.Close()
		})
	}
	all.Wait()
	p.Close()
	other.closed()
}

// A connection that its handler was taken from waits for its peer's end. Meanwhile it says nothing of itself to a handler that is
// restarted once more.
func TestHandlerThatIsGoneIsNotToldAgain(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		h.mortal = true
		plan := w.plan(h)
		plan.HelloAgain = &greeting{}
		p, f := w.startFake(plan)
		h.greeted()
		p.tell(&handlers.Restarted{})
		expect[*greeting](h)
		p.tell(&handlers.Lost{Err: handlers.ErrPanicked})
		p.tell(&handlers.Restarted{})
		synctest.Wait()
		require.False(w, p.ended())
		f.ends()
		w.eventually(p.ended, "the end")
		require.Equal(w, 1, told[*greeting](h))
	})
}

// greeting is what a connection says of itself again.
type greeting struct{}

func (g *greeting) HelloAgain(bool) any { return g }

// What the panic of an actor costs: one that is no handler's, one of a connection's own
// handler, and one of a handler that has ten or five thousand.
func BenchmarkPanic(b *testing.B) {
	for _, conns := range []int{10, 5000} {
		for _, who := range []string{"a stranger", "another's handler", "the handler of all"} {
			b.Run(fmt.Sprintf("%s/%d", who, conns), func(b *testing.B) { benchmarkPanic(b, who, conns) })
		}
	}
}

func benchmarkPanic(b *testing.B, who string, conns int) {
	rt := RuntimeOf(harness.System())
	done := make(chan struct{})
	props := actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(string); ok {
			defer func() { done <- struct{}{} }()
			panic("oops")
		}
	}, rt.dispatcher.Option(), actor.WithGuardian(actor.NewOneForOneStrategy(0, 0, func(any) actor.Directive { return actor.ResumeDirective })))
	hub, lone, stranger := rt.root.Spawn(props), rt.root.Spawn(props), rt.root.Spawn(props)
	join := func(pid *actor.PID, n int) {
		for range n {
			c := &conn{rt: rt}
			c.mailbox.Init(rt.dispatcher)
			s := &stream{conn: c}
			s.share(pid, nil)
			b.Cleanup(func() { s.top.detach(s) })
		}
	}
	join(hub, conns)
	join(lone, 1)
	b.Cleanup(func() {
		for _, pid := range []*actor.PID{hub, lone, stranger} {
			rt.root.StopFuture(pid).Wait()
		}
	})
	whom := map[string]*actor.PID{"a stranger": stranger, "another's handler": lone, "the handler of all": hub}[who]
	b.ReportAllocs()
	for b.Loop() {
		rt.root.Send(whom, "panic")
		<-done
	}
}
