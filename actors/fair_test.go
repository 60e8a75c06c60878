package actors

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/require"
)

// sleepy is a handler that echoes, but is stuck in every message "sleep" until
// the test wakes it. Each connection has one of its own.
func (w *world) sleepy() (h *handler, asleep *atomic.Int64, wake chan struct{}) {
	asleep, wake = new(atomic.Int64), make(chan struct{})
	return w.spawned(func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok && f.String() == "sleep" {
			asleep.Add(1)
			<-wake
		}
		echo(ctx)
	}), asleep, wake
}

// A handler that is stuck delays its own connection's messages, not its pongs.
func TestStuckHandlerDelaysItsOwnMessages(t *testing.T) {
	everywhere(t, func(w *world) {
		h, asleep, wake := w.sleepy()
		plan := w.plan(h)
		stuck, other := w.link(plan), w.link(plan)
		stuck.send(masked(frame.Text("sleep")), masked(frame.Text("after")))
		w.eventually(func() bool { return asleep.Load() == 1 }, "asleep")
		for i := range 100 {
			ping := fmt.Sprint("ping ", i)
			stuck.send(masked(frame.Ping([]byte(ping))))
			f := stuck.frame()
			require.Equal(w, frame.OpPong, f.Opcode)
			require.Equal(w, ping, f.String())
			other.send(masked(frame.Text(ping)))
			other.text(ping)
		}
		close(wake)
		stuck.text("sleep")
		stuck.text("after")
		for _, p := range []*peer{stuck, other} {
			p.send(masked(frame.Close(frame.Normal, "")))
			p.closes(frame.Normal)
			p.Close()
		}
	})
}

// A thousand that are stuck at once do not stop the others, nor their own pongs.
func TestAThousandStuckHandlers(t *testing.T) {
	const stuck, others, rounds = 1000, 20, 50
	w := newWorld(t, onPoller)
	h, asleep, wake := w.sleepy()
	plan := w.plan(h)
	for range stuck {
		w.link(plan).send(masked(frame.Text("sleep")))
	}
	var all sync.WaitGroup
	for range others {
		p := w.link(plan)
		all.Go(func() {
			for i := range rounds {
				p.Conn.Write([]byte(masked(frame.Text(fmt.Sprint(i)))))
				f, err := readFrame(p.in)
				if err != nil || f.String() != fmt.Sprint(i) {
					w.Errorf("round %d: %v %v", i, f, err)
					return
				}
			}
		})
	}
	all.Wait()
	w.eventually(func() bool { return asleep.Load() == stuck }, "all asleep")
	for i := range others {
		w.peers[stuck+i].send(masked(frame.Text("once more")))
		w.peers[stuck+i].text("once more")
		w.peers[i].send(masked(frame.Ping([]byte("?"))))
		require.Equal(w, frame.OpPong, w.peers[i].frame().Opcode)
	}
	close(wake)
	for _, p := range w.peers[:stuck] {
		p.text("sleep")
	}
	for _, p := range w.peers {
		p.Close()
	}
}

// endless is a wire whose peer floods: there is always more to read.
type endless struct {
	*fake
	flood string
}

func (e *endless) Read(p []byte) (int, error) {
	if e.eof {
		return 0, transport.ErrAgain
	}
	return copy(p, e.flood), nil
}

// quick is a wire whose peer answers every message at once, so many times.
type quick struct {
	*fake
	rounds int
	done   func()
}

func (q *quick) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if q.rounds--; q.rounds > 0 {
		q.arrives(masked(frame.Text("x")))
	} else if q.rounds == 0 {
		q.done()
	}
	return len(p), nil
}

func (q *quick) Writev(head, body []byte) (int, error) { return transport.WriteBoth(q, head, body) }

// A connection that floods does not starve the others of one core: between two
// messages of another, it gets no more than a few times its credit or, if that
// has no limit, than a few times what one turn may read.
func TestFloodDelaysNoOtherConnection(t *testing.T) {
	const size, a = 4000, 4 // a few
	for name, test := range map[string]struct {
		limits  Limits
		message string
		bound   int
	}{
		"with credit": {usual, "x", a * usual.CreditFrames},
		"without":     {Limits{}, strings.Repeat("x", size), a * readsATurn * readBuffer / size},
	} {
		t.Run(name, func(t *testing.T) {
			most, workers := 0, 0
			for range 3 { // once, unless the kernel has held a worker up, which was taken for one that is stuck: that says nothing
				t.Run("", func(t *testing.T) { most, workers = starve(t, test.limits, test.message) })
				if most <= test.bound || workers == 1 {
					break
				}
			}
			require.LessOrEqual(t, most, test.bound, "with %d workers", workers)
		})
	}
}

// starve returns how many messages the flood got at most between two of another's, and how many workers there
// are: one, unless a turn was taken for stuck.
func starve(t *testing.T, limits Limits, message string) (between, workers int) {
	const others, rounds = 10, 50
	cores := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(cores)
	w := newWorld(t, onPoller)
	w.rt = newRuntime(w.system)    // the other's dispatcher was made for more cores
	defer w.rt.dispatcher.Keep()() // a worker that comes is still there at the end
	w.before = w.census()
	var flooded atomic.Int64
	greedy := w.spawned(func(ctx actor.Context) {
		if isA[*frame.Frame](ctx.Message()) {
			flooded.Add(1)
		}
	}).forgetful()
	one := masked(frame.Text(message))
	flood := &endless{&fake{space: -1}, strings.Repeat(one, readBuffer/len(one))}
	plan := w.plan(greedy)
	plan.Limits = &limits
	p := w.start(plan, func(m *dispatch.Mailbox) transport.Transport {
		flood.mailbox = m
		m.Signal(transport.Readable)
		return flood
	})
	modest := w.spawned(echo).forgetful()
	var left sync.WaitGroup
	var most atomic.Int64
	for range others {
		left.Add(1)
		q := &quick{fake: &fake{space: -1}, rounds: rounds, done: left.Done}
		plan := w.plan(modest)
		turn := int64(0)
		plan.Top = pipeline.Chain(plan.Top.Stage(), pipeline.Tap(func(item any) {
			if isA[*frame.Frame](item) {
				if now := flooded.Load(); turn > 0 {
					most.Store(max(most.Load(), now-turn))
				}
				turn = max(flooded.Load(), 1)
			}
		}, nil))
		w.start(plan, func(m *dispatch.Mailbox) transport.Transport {
			q.mailbox = m
			return q
		})
		q.arrives(masked(frame.Text("x")))
	}
	left.Wait()
	workers = w.rt.dispatcher.Workers()
	t.Logf("%d workers; the flood got %d messages, %d at most between two of another's %d", workers, flooded.Load(), most.Load(), rounds)
	require.Greater(t, flooded.Load(), int64(0))
	for _, p := range w.peers {
		w.system.Root.Stop(p.pid)
	}
	w.eventually(p.ended, "the end")
	return int(most.Load()), workers
}
