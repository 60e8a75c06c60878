package dispatch

import (
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// kinds are what the benchmarks compare: how actors are run here, and how proto.actor runs them by default.
func kinds(b *testing.B, run func(b *testing.B, system *actor.ActorSystem, option actor.PropsOption)) {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	defer system.Shutdown()
	ours := New()
	defer ours.Keep()()
	for _, kind := range []struct {
		name   string
		option actor.PropsOption
	}{
		{"ours", ours.Option()},
		{"proto", actor.WithMailbox(actor.Unbounded())},
	} {
		b.Run(kind.name, func(b *testing.B) {
			b.ReportAllocs()
			run(b, system, kind.option)
		})
	}
}

type ball struct{ to, from *actor.PID }

// BenchmarkPingPong sends one message to and fro: the cost of a turn that handles one message.
func BenchmarkPingPong(b *testing.B) {
	kinds(b, func(b *testing.B, system *actor.ActorSystem, option actor.PropsOption) {
		done := make(chan struct{})
		left := b.N
		props := actor.PropsFromFunc(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*ball); ok {
				if left--; left <= 0 {
					close(done)
					return
				}
				m.to, m.from = m.from, m.to
				ctx.Send(m.to, m)
			}
		}, option)
		ping, pong := system.Root.Spawn(props), system.Root.Spawn(props)
		b.ResetTimer()
		system.Root.Send(ping, &ball{ping, pong})
		<-done
		b.StopTimer()
		system.Root.Stop(ping)
		system.Root.Stop(pong)
	})
}

// BenchmarkBurst sends 32 messages from outside and waits for them: one op is one message.
func BenchmarkBurst(b *testing.B) {
	kinds(b, func(b *testing.B, system *actor.ActorSystem, option actor.PropsOption) {
		const burst = 32
		done := make(chan struct{})
		n := 0
		message := new(int)
		pid := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*int); ok {
				if n++; n%burst == 0 {
					done <- struct{}{}
				}
			}
		}, option))
		b.ResetTimer()
		for range (b.N + burst - 1) / burst {
			for range burst {
				system.Root.Send(pid, message)
			}
			<-done
		}
		b.StopTimer()
		system.Root.Stop(pid)
	})
}

// BenchmarkHandOver gives 32 messages to an actor that another owns, by its PID and by its mailbox: one op is one message.
func BenchmarkHandOver(b *testing.B) {
	for _, direct := range []bool{false, true} {
		b.Run(map[bool]string{false: "pid", true: "mailbox"}[direct], func(b *testing.B) {
			const burst = 32
			d := New()
			system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
			done := make(chan struct{})
			n := 0
			pid := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				if _, ok := ctx.Message().(*int); ok {
					if n++; n%burst == 0 {
						done <- struct{}{}
					}
				}
			}, d.Option()))
			process, _ := system.ProcessRegistry.Get(pid)
			m := Of(process)
			messages := slices.Repeat([]any{new(int)}, burst)
			b.ResetTimer()
			for range (b.N + burst - 1) / burst {
				if direct {
					m.PostAll(messages)
				} else {
					for _, message := range messages {
						system.Root.Send(pid, message)
					}
				}
				<-done
			}
			b.StopTimer()
			system.Root.Stop(pid)
		})
	}
}

// BenchmarkReady makes 5,000 actors ready at once: one op is one message. The handler's frame is about as deep as a pipeline's, which is
// what a fresh goroutine's stack has to grow to.
func BenchmarkReady(b *testing.B) {
	kinds(b, func(b *testing.B, system *actor.ActorSystem, option actor.PropsOption) {
		const many = 5000
		var wait sync.WaitGroup
		var sum atomic.Int64
		message := new(int)
		pids := make([]*actor.PID, many)
		for i := range pids {
			pids[i] = system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				if _, ok := ctx.Message().(*int); ok {
					sum.Add(int64(deep(8)))
					wait.Done()
				}
			}, option))
		}
		b.ResetTimer()
		for range (b.N + many - 1) / many {
			wait.Add(many)
			for _, pid := range pids {
				system.Root.Send(pid, message)
			}
			wait.Wait()
		}
		b.StopTimer()
		for _, pid := range pids {
			system.Root.Stop(pid)
		}
	})
}

//go:noinline
func deep(n int) byte {
	var frame [512]byte
	frame[n] = 1
	if n > 0 {
		frame[n] += deep(n - 1)
	}
	return frame[n]
}

// BenchmarkSignal signals 128 mailboxes one by one, and at once as a poller does: one op is one signal.
func BenchmarkSignal(b *testing.B) {
	const many = 128
	for _, name := range []string{"each", "batch"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			d := New()
			defer d.Keep()()
			var wait sync.WaitGroup
			ms := make([]*Mailbox, many)
			for i := range ms {
				ms[i] = d.Mailbox().(*Mailbox)
				ms[i].hooks = waiter{&wait}
				ms[i].Start()
			}
			ready := make([]*Mailbox, 0, many)
			b.ResetTimer()
			for range (b.N + many - 1) / many {
				wait.Add(many)
				if name == "each" {
					for _, m := range ms {
						m.Signal(1)
					}
				} else {
					ready = ready[:0]
					for _, m := range ms {
						if m.Mark(1) {
							ready = append(ready, m)
						}
					}
					d.EnqueueAll(ready)
				}
				wait.Wait()
			}
		})
	}
}

type waiter struct{ *sync.WaitGroup }

func (w waiter) Signalled(uint32) { w.Done() }
func (waiter) Item(any) bool      { return false }
func (waiter) BurstEnded()        {}
func (waiter) Exited()            {}

func BenchmarkUnlabel(b *testing.B) {
	for b.Loop() {
		unlabel()
	}
}

// BenchmarkPairs has 64 pairs of actors play ping-pong at once, with so much work in each turn: one op is one turn. With -cpu 1,2,8 it
// tells what another core brings (make bench ROWS=cores).
func BenchmarkPairs(b *testing.B) {
	for _, work := range []time.Duration{0, time.Microsecond} {
		b.Run(work.String(), func(b *testing.B) {
			kinds(b, func(b *testing.B, system *actor.ActorSystem, option actor.PropsOption) {
				const pairs = 64
				var wait sync.WaitGroup
				loops := loopsFor(work)
				type counted struct {
					ball
					left int
					_    [128]byte // two pairs on two cores share nothing of the benchmark's
				}
				props := actor.PropsFromFunc(func(ctx actor.Context) {
					if m, ok := ctx.Message().(*counted); ok {
						_ = spin(loops) // noinline: it is done
						if m.left--; m.left <= 0 {
							wait.Done()
							return
						}
						m.to, m.from = m.from, m.to
						ctx.Send(m.to, m)
					}
				}, option)
				wait.Add(pairs)
				balls := make([]*counted, pairs)
				for i := range balls {
					balls[i] = &counted{ball: ball{system.Root.Spawn(props), system.Root.Spawn(props)}, left: max(1, b.N/pairs)}
				}
				b.ResetTimer()
				for _, m := range balls {
					system.Root.Send(m.to, m)
				}
				wait.Wait()
				b.StopTimer()
				for _, m := range balls {
					system.Root.Stop(m.to)
					system.Root.Stop(m.from)
				}
			})
		})
	}
}

// loopsFor is how many loops of spin last d.
func loopsFor(d time.Duration) int {
	const many = 1 << 20
	if d == 0 {
		return 0
	}
	best := time.Hour
	for range 5 {
		began := time.Now()
		_ = spin(many) // noinline: it is done
		best = min(best, time.Since(began))
	}
	return int(many * d / best)
}

//go:noinline
func spin(loops int) (n uint32) {
	for range loops {
		n = n*1664525 + 1013904223
	}
	return n
}

// BenchmarkLanesSideBySide has two workers use a lane each, made one after the other, with the padding of a lane and without. On two
// cores the padding keeps the one from waiting for the cache line of the other.
func BenchmarkLanesSideBySide(b *testing.B) {
	type bare struct {
		mu    sync.Mutex
		ready queue
	}
	type padded struct {
		_ cacheLine
		bare
		_ cacheLine
	}
	both := func(b *testing.B, one, other *bare) {
		var wait sync.WaitGroup
		for _, l := range []*bare{one, other} {
			wait.Go(func() {
				m := new(Mailbox)
				for range b.N {
					l.mu.Lock()
					l.ready.push(m)
					l.mu.Unlock()
					l.mu.Lock()
					l.ready.pop()
					l.mu.Unlock()
				}
			})
		}
		wait.Wait()
	}
	b.Run("padded", func(b *testing.B) {
		lanes := new([2]padded)
		both(b, &lanes[0].bare, &lanes[1].bare)
	})
	b.Run("bare", func(b *testing.B) {
		lanes := new([2]bare)
		both(b, &lanes[0], &lanes[1])
	})
}
