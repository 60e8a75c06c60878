package actors

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shutdown makes w's actor system one that can be shut down without that being
// the end of other tests.
func (w *world) shutdown() (now func()) {
	var stopped atomic.Bool
	w.rt.shutdown.stopped = stopped.Load
	return func() { stopped.Store(true) }
}

// timed reports whether the monitor's timer runs.
func (w *shutdownMonitor) timed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer == nil || !w.timer.Stop() {
		return false
	}
	w.timer.Reset(pollInterval)
	return true
}

// farewell is the peer's part of a close handshake that this end began.
func (p *peer) farewell() {
	p.Helper()
	p.closes(frame.GoingAway)
	p.send(masked(frame.Close(frame.GoingAway, "")))
	p.Close()
}

func TestSystemShutdown(t *testing.T) {
	virtually(t, func(w *world) {
		shutdown := w.shutdown()
		h := w.handler()
		servers := []*Group{new(Group), new(Group)}
		var peers []*peer
		for _, g := range []*Group{servers[0], servers[0], servers[1], nil, nil} { // nil: a client's
			plan := w.plan(h)
			plan.Group = g
			peers = append(peers, w.link(plan))
			h.greeted()
		}
		time.Sleep(10*pollInterval + pollInterval/2)
		assert.Zero(t, told[*pipeline.Closed](h), "nothing has happened")
		assert.True(t, w.rt.shutdown.timed())

		shutdown()
		for _, p := range peers {
			p.farewell()
		}
		for range peers {
			c := expect[*pipeline.Closed](h)
			assert.Equal(t, frame.GoingAway, c.Code)
			assert.Equal(t, pipeline.Local, c.By)
			assert.True(t, c.Clean, "%+v", c)
		}
		w.eventually(func() bool { return servers[0].Len()+servers[1].Len()+w.rt.defaultGroup.Len() == 0 })
		assert.False(t, w.rt.shutdown.timed(), "a timer for nobody")
		assert.Empty(t, w.rt.shutdown.groups)
	})
}

// forever is a core that waits for the peer's Close as long as it takes.
func forever(...pipeline.Stage) pipeline.Stage {
	return pipeline.Chain(pipeline.Closing{}.Stage(), pipeline.Codec{}.Stage())
}

// Who comes after the end is told at once, or at the next look.
func TestJoinAfterShutdown(t *testing.T) {
	virtually(t, func(w *world) {
		shutdown := w.shutdown()
		h := w.handler()
		server := new(Group)
		closing := forever
		join := func(g *Group) *peer {
			plan := w.plan(h)
			plan.Group, plan.Core = g, closing()
			p := w.link(plan)
			h.greeted()
			return p
		}
		stays := join(server) // does not answer for now
		closing = core
		shutdown()
		stays.closes(frame.GoingAway)

		same := join(server)
		same.farewell()
		expect[*pipeline.Closed](h)

		other := join(new(Group)) // one that has not been told, while another has connections
		other.farewell()
		expect[*pipeline.Closed](h)

		stays.send(masked(frame.Close(frame.GoingAway, "")))
		stays.Close()
		expect[*pipeline.Closed](h)

		last := join(nil) // when all had left
		last.farewell()
		expect[*pipeline.Closed](h)
		w.eventually(func() bool { return !w.rt.shutdown.timed() }, "a timer for nobody")
	})
}

// The timer runs while there are connections, and only then.
func TestShutdownMonitorSleeps(t *testing.T) {
	virtually(t, func(w *world) {
		w.shutdown()
		h := w.handler()
		assert.False(t, w.rt.shutdown.timed())
		for range 3 {
			one, two := w.link(w.plan(h)), w.link(w.plan(h))
			assert.True(t, w.rt.shutdown.timed())
			for i, p := range []*peer{one, two} {
				p.Close()
				w.eventually(p.ended)
				assert.Equal(t, i == 0, w.rt.shutdown.timed())
			}
		}
	})
}

// The real thing: proto.actor tells nobody but who asks.
func TestActorSystemShutdown(t *testing.T) {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	rt := RuntimeOf(system)
	require.False(t, rt.shutdown.stopped())
	system.Shutdown()
	require.True(t, rt.shutdown.stopped())
}
