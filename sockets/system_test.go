package sockets_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// What proto.actor does with a process registry works with one of fewer buckets.
func TestNewSystem(t *testing.T) {
	system := sockets.NewSystem()
	defer system.Shutdown()
	usual := actor.NewActorSystem(actor.WithLoggerFactory(sockets.Quiet))
	defer usual.Shutdown()
	assert.ElementsMatch(t, processes(usual), processes(system), "the system's own")
	assert.Less(t, 10*len(system.ProcessRegistry.LocalPIDs.LocalPIDs), len(usual.ProcessRegistry.LocalPIDs.LocalPIDs))

	answer := actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(int); ok {
			ctx.Respond(ctx.Self().Id)
		}
	})
	var pids []*actor.PID
	for i := range 1000 {
		pid, err := system.Root.SpawnNamed(answer, fmt.Sprint("actor ", i))
		require.NoError(t, err)
		pids = append(pids, pid)
	}
	_, err := system.Root.SpawnNamed(answer, "actor 7")
	require.ErrorIs(t, err, actor.ErrNameExists)
	for _, pid := range pids {
		said, err := system.Root.RequestFuture(system.NewLocalPID(pid.Id), 1, 5*time.Second).Result()
		require.NoError(t, err)
		require.Equal(t, pid.Id, said)
		require.NoError(t, system.Root.StopFuture(pid).Wait())
		_, alive := system.ProcessRegistry.GetLocal(pid.Id)
		require.False(t, alive)
	}
	assert.ElementsMatch(t, processes(usual), processes(system), "in the end")
}

// processes lists who is registered.
func processes(system *actor.ActorSystem) (ids []string) {
	for _, bucket := range system.ProcessRegistry.LocalPIDs.LocalPIDs {
		bucket.IterCb(func(id string, _ any) { ids = append(ids, id) })
	}
	return ids
}

// BenchmarkRegistry is what the process registry costs: memory for each of 20,000
// actors, all of it, and the time of a garbage collection while there are none.
func BenchmarkRegistry(b *testing.B) {
	const actors = 20_000
	props := actor.PropsFromFunc(func(actor.Context) {})
	for name, start := range map[string]func() *actor.ActorSystem{
		"lean":  func() *actor.ActorSystem { return sockets.NewSystem() },
		"usual": func() *actor.ActorSystem { return actor.NewActorSystem(actor.WithLoggerFactory(sockets.Quiet)) },
	} {
		b.Run(name, func(b *testing.B) {
			system := start()
			defer system.Shutdown()
			for b.Loop() {
				runtime.GC()
			}
			before, _ := footprint()
			pids := make([]*actor.PID, actors)
			for i := range pids {
				pids[i] = system.Root.Spawn(props)
			}
			after, _ := footprint()
			b.ReportMetric(float64(after-before)/actors, "B/actor")
			for _, pid := range pids {
				system.Root.Stop(pid)
			}
		})
	}
}

func footprint() (bytes uint64, goroutines int) {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse, runtime.NumGoroutine()
}

// Dead letters are told and logged as proto.actor does it.
func TestDeadLetters(t *testing.T) {
	for name, start := range map[string]func(...actor.ConfigOption) *actor.ActorSystem{
		"ours": sockets.NewSystem, "proto.actor's": actor.NewActorSystem,
	} {
		t.Run(name, func(t *testing.T) {
			var lines bytes.Buffer
			system := start(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger {
				return slog.New(slog.NewTextHandler(&lines, nil))
			}), actor.WithDeadLetterThrottleCount(3), actor.WithDeadLetterThrottleInterval(time.Hour))
			defer system.Shutdown()
			published := 0
			system.EventStream.Subscribe(func(event any) {
				if _, ok := event.(*actor.DeadLetterEvent); ok {
					published++
				}
			})
			nobody := system.NewLocalPID("nobody")
			for i := range 5 {
				system.Root.Send(nobody, i)
			}
			assert.Equal(t, 5, published)
			assert.Equal(t, 2, strings.Count(lines.String(), "[DeadLetter]"), lines.String())
			system.Root.Send(nobody, ignored{})
			assert.Equal(t, 2, strings.Count(lines.String(), "[DeadLetter]"), lines.String())

			_, err := system.Root.RequestFuture(nobody, 1, time.Hour).Result()
			assert.ErrorIs(t, err, actor.ErrDeadLetter)
			ended := system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
			require.NoError(t, system.Root.StopFuture(ended).Wait())
			told := watch(system, ended)
			assert.Equal(t, actor.TerminatedReason_NotFound, (<-told).Why)
		})
	}
}

type ignored struct{}

func (ignored) IgnoreDeadLetterLogging() {}

// watch returns what a new actor that watches pid is told of its end.
func watch(system *actor.ActorSystem, pid *actor.PID) <-chan *actor.Terminated {
	told := make(chan *actor.Terminated, 1)
	system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started:
			ctx.Watch(pid)
		case *actor.Terminated:
			told <- m
		}
	}))
	return told
}

// What an actor responds outside of its Receive is lost, and that is said: once, also to a log that responds so itself.
func TestFrameForNobody(t *testing.T) {
	system := sockets.NewSystem()
	respond := func() { system.DeadLetter.SendUserMessage(nil, frame.Text("late")) } // as Respond does that has no sender
	var lines bytes.Buffer
	log := logTo(func(line []byte) {
		lines.Write(line)
		respond()
	})
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(log, nil)))
	defer slog.SetDefault(before)
	for range 2 {
		respond()
	}
	assert.Equal(t, 1, strings.Count(lines.String(), "a frame was sent to nobody"), lines.String())
}

type logTo func(line []byte)

func (f logTo) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}
