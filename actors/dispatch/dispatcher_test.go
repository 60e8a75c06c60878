package dispatch

import (
	"context"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
)

// single gives the dispatchers of a test one worker.
func single(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

func box(d *Dispatcher, handle func(message any)) *Mailbox {
	m := d.Mailbox().(*Mailbox)
	m.RegisterHandlers(invoke(handle), nil)
	m.Start()
	return m
}

// owes is how many quick turns the dispatcher wants to see of a mailbox that has blocked.
func owes(m *Mailbox) int { return m.penalty().owed() }

// punish makes m one that has blocked.
func punish(m *Mailbox, owed int) {
	m.penalty().change(func(int, int) (int, int) { return owed, owed })
}

// active is how many workers have a lane.
func active(d *Dispatcher) (n int) {
	for _, g := range d.groups {
		g.mu.Lock()
		n += len(*g.lanes.Load()) - len(g.free)
		g.mu.Unlock()
	}
	return n
}

// parked is how many workers wait to be woken.
func parked(d *Dispatcher) (n int) {
	for _, g := range d.groups {
		g.mu.Lock()
		n += len(g.parked)
		g.mu.Unlock()
	}
	return n
}

func TestDispatcherIsFair(t *testing.T) {
	single(t)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		const turns = 10
		var greedy *Mailbox
		eaten, modest, most, before := 0, 0, 0, 0
		greedy = box(d, func(any) {
			eaten++
			if modest < turns*turnBudget {
				greedy.PostUserMessage(1)
			}
		})
		other := d.Mailbox().(*Mailbox)
		other.RegisterHandlers(invoke(func(any) {
			if modest++; modest > 1 {
				most = max(most, eaten-before)
			}
			before = eaten
		}), nil)
		for range turns * turnBudget {
			other.PostUserMessage(1)
		}
		other.Start()
		greedy.PostUserMessage(1)
		synctest.Wait()
		require.Equal(t, turns*turnBudget, modest)
		require.Equal(t, turnBudget, most, "of the greedy one's messages between two of the other's")
	})
}

func TestActiveWorkersAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		var now, handled, peak atomic.Int32
		for range 100 {
			box(d, func(any) {
				n := now.Add(1)
				for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
				}
				time.Sleep(tick / 2) // a turn that takes time, but too little of it to be replaced
				now.Add(-1)
				handled.Add(1)
			}).PostUserMessage(1)
		}
		time.Sleep(100 * tick)
		require.Equal(t, int32(100), handled.Load())
		require.Equal(t, int32(runtime.GOMAXPROCS(0)), peak.Load())
		require.Equal(t, runtime.GOMAXPROCS(0), d.Workers())
	})
}

func TestBlockersDelayOnlyThemselves(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		const blockers = 1000
		open := make(chan struct{})
		for range blockers {
			box(d, func(any) { <-open }).PostUserMessage(1)
		}
		answered := make(chan time.Time)
		began := time.Now()
		box(d, func(any) { answered <- time.Now() }).PostUserMessage(1)
		took := (<-answered).Sub(began)
		t.Logf("behind %d blockers: %v", blockers, took)
		require.Less(t, took, 40*time.Millisecond, "maxActive doubles: not 2 ms for each two of them")

		time.Sleep(100 * time.Millisecond)
		require.Zero(t, active(d))
		require.Equal(t, blockers, d.Workers()-parked(d))
		close(open)
	})
}

func TestBlockerIsDedicatedUntilForgiven(t *testing.T) {
	single(t)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		blocker := box(d, func(message any) { time.Sleep(message.(time.Duration)) })
		answer := func() time.Duration {
			answered := make(chan struct{})
			began := time.Now()
			box(d, func(any) { close(answered) }).PostUserMessage(1)
			<-answered
			return time.Since(began)
		}
		blocker.PostUserMessage(time.Second)
		synctest.Wait()
		require.Equal(t, 3*tick, answer(), "the first time costs three looks")
		time.Sleep(2 * time.Second)
		require.Equal(t, firstPenalty, owes(blocker))

		blocker.PostUserMessage(time.Second)
		synctest.Wait()
		require.Zero(t, answer(), "later it blocks a goroutine of its own")
		time.Sleep(2 * time.Second)

		for left := range maxPenalty {
			require.Equal(t, maxPenalty-left, owes(blocker))
			blocker.PostUserMessage(time.Duration(0))
			synctest.Wait()
		}
		require.Zero(t, owes(blocker))

		blocker.PostUserMessage(time.Second)
		synctest.Wait()
		require.Equal(t, 3*tick, answer(), "forgiven, it has the dispatcher's trust again")
	})
}

// A mailbox that blocks now and then is caught the second time, not at each: its first penalty is short, but it is remembered.
func TestBlockerThatIsQuickBetween(t *testing.T) {
	single(t)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		m := box(d, func(message any) { time.Sleep(message.(time.Duration)) })
		say := func(times int, d time.Duration) {
			for range times {
				m.PostUserMessage(d)
				synctest.Wait()
			}
			time.Sleep(2 * d)
		}
		say(1, time.Second)
		require.Equal(t, firstPenalty, owes(m))
		say(2*firstPenalty, 0)
		require.Zero(t, owes(m), "believed")
		say(1, time.Second)
		require.Equal(t, maxPenalty, owes(m), "once")
		say(maxPenalty, 0)
		say(1, time.Second)
		require.Equal(t, firstPenalty, owes(m), "quick for long enough, the first time is forgotten")
	})
}

func TestForgivenInTheMiddleOfItsMessages(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		n := 0
		m := box(d, func(any) { n++ })
		punish(m, maxPenalty)
		m.mu.Lock()
		for range 3 * maxPenalty {
			m.user.push(1)
		}
		m.mu.Unlock()
		m.PostUserMessage(1)
		synctest.Wait()
		require.Equal(t, 3*maxPenalty+1, n)
		require.Zero(t, owes(m))
	})
}

func TestGoexitLosesNoWorker(t *testing.T) {
	single(t)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		n := 0
		m := box(d, func(message any) {
			if n++; message == "exit" {
				runtime.Goexit()
			}
		})
		for range 10 {
			m.PostUserMessage("exit")
			m.PostUserMessage("stay")
		}
		synctest.Wait()
		require.Equal(t, 20, n)
		punish(m, maxPenalty)
		m.PostUserMessage("exit")
		m.PostUserMessage("stay")
		synctest.Wait()
		require.Equal(t, 22, n)
		d.Schedule(runtime.Goexit)
		synctest.Wait()
		m.PostUserMessage("stay")
		synctest.Wait()
		require.Equal(t, 23, n)
		require.Equal(t, 1, d.Workers())
	})
}

// What an actor labels its goroutine with is not the next one's: not on the same worker, nor
// on one that it has set to work.
func TestLabelsAreTakenBack(t *testing.T) {
	single(t)
	for _, penalty := range []int{0, maxPenalty} {
		bubble(t, func(t *testing.T, d *Dispatcher) {
			labels := func() string {
				var b strings.Builder
				pprof.Lookup("goroutine").WriteTo(&b, 1)
				for _, part := range strings.Split(b.String(), "\n\n") {
					if strings.Contains(part, "TestLabelsAreTakenBack") && strings.Contains(part, "secret") {
						return part
					}
				}
				return ""
			}
			var seen []string
			look := box(d, func(any) { seen = append(seen, labels()) })
			box(d, func(message any) {
				pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("tenant", "secret")))
				if message == "look here" {
					seen = append(seen, labels())
				}
				look.PostUserMessage(1)
			}).PostUserMessage("look here")
			synctest.Wait()
			require.Len(t, seen, 2)
			require.NotEmpty(t, seen[0], "the test sees labels")
			require.Empty(t, seen[1])

			seen = nil
			m := box(d, func(any) {
				pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("tenant", "secret")))
				look.PostUserMessage(1)
			})
			punish(m, penalty)
			m.PostUserMessage(1)
			synctest.Wait()
			d.Schedule(func() {
				pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("tenant", "secret")))
			})
			d.Schedule(func() { seen = append(seen, labels()) })
			synctest.Wait()
			require.Equal(t, []string{"", ""}, seen)
		})
	}
}

// A worker whose thread a turn has locked runs other turns as before.
func TestLockedWorkersWork(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		n := 0
		for range 100 {
			m := box(d, func(any) { runtime.LockOSThread() })
			m.PostUserMessage(1)
			synctest.Wait()
			box(d, func(any) { n++ }).PostUserMessage(1)
			synctest.Wait()
		}
		require.Equal(t, 100, n)
	})
}

// Workers wait for more work while somebody keeps them, for a while, and not otherwise.
func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New()
		m := box(d, func(any) {})
		work := func(want int, why string) {
			m.PostUserMessage(1)
			synctest.Wait()
			require.Equal(t, want, d.Workers(), why)
		}
		work(0, "nobody keeps it")
		one, other := d.Keep(), d.Keep()
		work(1, "kept")
		one()
		one()
		require.Equal(t, 1, parked(d), "another keeps it")
		work(1, "kept by another")
		time.Sleep(2 * linger)
		synctest.Wait()
		require.Zero(t, d.Workers(), "not for ever")
		work(1, "kept")
		busy := box(d, func(message any) { <-message.(chan struct{}) })
		open := make(chan struct{})
		busy.PostUserMessage(open)
		m.PostUserMessage(1)
		time.Sleep(10 * tick) // where there is one lane the watch takes it from the busy one
		synctest.Wait()
		require.Equal(t, 1, parked(d), "the other")
		other()
		synctest.Wait()
		require.Equal(t, 1, d.Workers(), "the one at work")
		close(open)
		synctest.Wait()
		require.Zero(t, d.Workers())
		var asleep sync.WaitGroup
		for range 10 { // turns that are many, blocked, or not those of mailboxes
			m.PostUserMessage(1)
			punish(busy, 1)
			busy.PostUserMessage(open)
			asleep.Add(1)
			d.Schedule(func() { defer asleep.Done(); time.Sleep(10 * tick) })
			d.Schedule(runtime.Goexit)
		}
		asleep.Wait()
	}) // which could not end with workers left
}

// Whoever queues the first turns, a poller say, need not have been seen by a worker.
func TestEnqueueInBeforeAnyTurn(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		handled := false
		m := box(d, func(any) { handled = true })
		d.EnqueueIn(0, nil)
		require.Zero(t, d.Workers())
		require.True(t, m.Add(1))
		d.EnqueueIn(0, []*Mailbox{m})
		synctest.Wait()
		require.True(t, handled)
	})
}

func TestEnqueueAllAdmitsAll(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		var signals atomic.Int32
		var ready []*Mailbox
		for i := range 128 {
			m := d.Mailbox().(*Mailbox)
			m.hooks = counter{&signals}
			punish(m, i%2) // every other has blocked
			m.Start()
			if m.Mark(1) {
				ready = append(ready, m)
			}
			require.False(t, m.Mark(1), "marked already")
		}
		d.EnqueueAll(ready)
		synctest.Wait()
		require.Equal(t, int32(128), signals.Load())
	})
}

type counter struct{ *atomic.Int32 }

func (c counter) Signalled(uint32) { c.Add(1) }
func (counter) Item(any) bool      { return false }
func (counter) BurstEnded()        {}
func (counter) Exited()            {}

func TestDispatcherRunsOtherMailboxes(t *testing.T) {
	system := quietSystem(t)
	d := New()
	defer d.Keep()()
	props := actor.PropsFromFunc(func(ctx actor.Context) {
		if ctx.Message() == "ask" {
			ctx.Respond("answer")
		}
	}, actor.WithDispatcher(d))
	answer, err := system.Root.RequestFuture(system.Root.Spawn(props), "ask", 20*time.Second).Result()
	require.NoError(t, err)
	require.Equal(t, "answer", answer)
	require.NotZero(t, d.Workers())
}

func TestBlockingActorsOfASystem(t *testing.T) {
	system := quietSystem(t)
	before := runtime.NumGoroutine()
	option := New().Option()
	open := make(chan struct{})
	blocker := actor.PropsFromFunc(func(ctx actor.Context) {
		if ctx.Message() == "block" {
			<-open
		}
	}, option)
	for range 1000 {
		system.Root.Send(system.Root.Spawn(blocker), "block")
	}
	echo := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if ctx.Message() == "ask" {
			ctx.Respond("answer")
		}
	}, option))
	for range 10 {
		began := time.Now()
		_, err := system.Root.RequestFuture(echo, "ask", 20*time.Second).Result()
		require.NoError(t, err)
		t.Logf("answered within %v", time.Since(began))
	}
	require.Eventually(t, func() bool { return runtime.NumGoroutine() > 1000 }, 20*time.Second, time.Millisecond, "all are stuck")
	close(open)
	const eventually = 1 // the goroutine in which the condition is looked at
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+eventually }, 20*time.Second, 10*time.Millisecond)
}
