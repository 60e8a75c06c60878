package sockets

import (
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
)

// watched is a process that knows how many watch it.
type watched struct{ atomic.Int64 }

func (w *watched) SendSystemMessage(_ *actor.PID, message any) {
	switch message.(type) {
	case *actor.Watch:
		w.Add(1)
	case *actor.Unwatch:
		w.Add(-1)
	}
}

func (w *watched) SendUserMessage(*actor.PID, any) {}
func (w *watched) Stop(*actor.PID)                 {}

// A handler that outlives its clients is not watched by those that have ended: it would keep each of them.
func TestReconnectLeavesNoWatch(t *testing.T) {
	w := newWorld(t, bare)
	h := new(watched)
	pid, ok := w.system.ProcessRegistry.Add(h, "watched")
	require.True(t, ok)
	defer w.system.ProcessRegistry.Remove(pid)
	for _, r := range []*Reconnect{{Backoff: Backoff{Floor: 1 << 40}}, {Final: func(*Disconnected) bool { return true }}} {
		client, err := ReconnectActor(w.system, "ws://127.0.0.1:1", &UpgradeClient{FrameHandler: pid}, r)
		require.NoError(t, err)
		require.True(t, r.Final != nil || until(func() bool { return h.Load() == 1 }))
		if r.Final == nil {
			w.system.Root.Stop(client)
		}
		require.True(t, until(func() bool {
			_, lives := w.system.ProcessRegistry.GetLocal(client.Id)
			return !lives && h.Load() == 0
		}))
	}
}
