package handlers

import (
	"log/slog"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/stretchr/testify/require"
)

// Who hears that a handler is not there may wait for a connection that names another, or the same.
func TestJoinWithinADeadLetter(t *testing.T) {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	defer system.Shutdown()
	d := dispatch.New()
	h := New(system, d)
	there := system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
	gone := actor.NewPID(system.Address(), "gone")
	joins := func(pid *actor.PID) <-chan *Member {
		joined := make(chan *Member, 1)
		go func() {
			m := new(Member)
			h.Join(m, d.Mailbox().(*dispatch.Mailbox), pid)
			joined <- m
		}()
		return joined
	}
	wait := func(joined <-chan *Member) {
		select {
		case m := <-joined:
			m.Leave()
		case <-time.After(10 * time.Second):
			require.Fail(t, "Join has not returned")
		}
	}
	heard := 0
	system.EventStream.Subscribe(func(letter any) {
		e, ok := letter.(*actor.DeadLetterEvent)
		if !ok {
			return
		}
		if _, watch := e.Message.(*actor.Watch); watch {
			if heard++; heard == 1 {
				wait(joins(there))
				wait(joins(gone))
			}
		}
	})
	wait(joins(gone))
	require.Positive(t, heard)
}
