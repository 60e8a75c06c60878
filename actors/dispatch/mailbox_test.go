package dispatch

import (
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/require"
)

// script is an invoker, and hooks, that do what a test says and logs what it was told. Only turns touch the log, unless
// nothing runs.
type script struct {
	log      []string
	user     func(message any)
	hook     func()
	burst    func()
	escalate func()
}

func (s *script) InvokeSystemMessage(message any) { s.note("system %v", message) }

func (s *script) InvokeUserMessage(message any) {
	s.note("%v", message)
	if s.user != nil {
		s.user(message)
	}
}

func (s *script) EscalateFailure(reason, message any) {
	s.note("failure %v in %v", reason, message)
	if s.escalate != nil {
		s.escalate()
	}
}

func (s *script) Signalled(bits uint32) {
	s.note("signals %b", bits)
	if s.hook != nil {
		s.hook()
	}
}

func (s *script) Item(any) bool { return false }

func (s *script) BurstEnded() {
	s.note("burst ended")
	if s.burst != nil {
		s.burst()
	}
}

func (s *script) Exited() { s.note("exited") }

func (s *script) note(format string, args ...any) {
	s.log = append(s.log, fmt.Sprintf(format, args...))
}

// mailbox returns one whose invoker is s. In a bubble synctest.Wait is what waits for its turns.
func (s *script) mailbox(d *Dispatcher) *Mailbox {
	m := d.Mailbox().(*Mailbox)
	m.RegisterHandlers(s, nil)
	return m
}

// withHooks makes s the mailbox's hooks as well.
func (s *script) withHooks(d *Dispatcher) *Mailbox {
	m := s.mailbox(d)
	m.hooks = s
	return m
}

// bubble runs a test in fake time, in which a turn takes none. At the end the dispatcher's workers leave.
func bubble(t *testing.T, test func(t *testing.T, d *Dispatcher)) {
	synctest.Test(t, func(t *testing.T) {
		d := New()
		release := d.Keep()
		test(t, d)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Zero(t, d.Workers(), "workers that stayed")
		release()
	})
}

func quietSystem(t *testing.T) *actor.ActorSystem {
	system := actor.NewActorSystem(actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }))
	t.Cleanup(system.Shutdown)
	return system
}

func TestMailboxIsSmall(t *testing.T) {
	size := unsafe.Sizeof(Mailbox{})
	t.Logf("an idle mailbox: %d bytes; a segment: %d bytes", size, unsafe.Sizeof(segment{}))
	require.LessOrEqual(t, size, uintptr(128))
	require.Equal(t, uintptr(512), unsafe.Sizeof(segment{}), "a size class, so that nothing is lost to rounding")
}

func TestMailboxKeepsEachSendersOrder(t *testing.T) {
	const senders, each = 16, 5000
	type numbered struct{ sender, n int }
	var next [senders]int
	var inside atomic.Int32
	done := make(chan struct{})
	total := 0
	s := &script{}
	m := New().Mailbox().(*Mailbox)
	m.RegisterHandlers(invoke(func(message any) {
		require.Equal(t, int32(1), inside.Add(1), "two workers in one mailbox")
		v := message.(numbered)
		require.Equal(t, next[v.sender], v.n, "sender %d", v.sender)
		next[v.sender]++
		if total++; total == senders*each {
			close(done)
		}
		inside.Add(-1)
	}), nil)
	m.Start()
	for i := range senders {
		go func() {
			for n := range each {
				m.PostUserMessage(numbered{i, n})
			}
		}()
	}
	await(t, done, "all messages")
	require.Empty(t, s.log)
	require.Zero(t, m.UserMessageCount())
}

// invoke is an invoker for user messages runDedicated.
type invoke func(message any)

func (f invoke) InvokeUserMessage(message any) { f(message) }
func (f invoke) InvokeSystemMessage(any)       {}
func (f invoke) EscalateFailure(reason, _ any) { panic(reason) }

func await(t *testing.T, done <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		require.FailNow(t, "did not happen", what)
	}
}

func TestMailboxHandlesSystemMessagesFirst(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		s := &script{}
		m := s.mailbox(d)
		s.user = func(message any) {
			if message == 1 {
				m.PostSystemMessage("during 1")
			}
		}
		m.PostUserMessage(1)
		m.PostUserMessage(2)
		m.PostSystemMessage("first")
		synctest.Wait()
		require.Empty(t, s.log, "before Start")
		require.Equal(t, 2, m.UserMessageCount())
		m.Start()
		synctest.Wait()
		require.Equal(t, []string{"system first", "1", "system during 1", "2"}, s.log)
	})
}

func TestMailboxSuspends(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		s := &script{}
		m := s.withHooks(d)
		m.Start()
		m.PostSystemMessage(&actor.SuspendMailbox{})
		synctest.Wait()
		s.log = nil
		m.PostUserMessage(1)
		m.Signal(1)
		synctest.Wait()
		require.Empty(t, s.log)
		require.Equal(t, 1, m.UserMessageCount())
		m.PostSystemMessage("even so")
		synctest.Wait()
		require.Equal(t, []string{"system even so"}, s.log)
		m.PostSystemMessage(&actor.ResumeMailbox{})
		synctest.Wait()
		require.Equal(t, []string{"system even so", "signals 1", "1", "burst ended"}, s.log)
	})
}

type parcel []any

func (p parcel) GetMessages() []any { return p }

func TestMailboxDeliversBatchesItemByItemAndWhole(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		s := &script{}
		m := s.mailbox(d)
		m.PostUserMessage(parcel{1, parcel{2, 3}})
		m.Start()
		synctest.Wait()
		require.Equal(t, []string{"1", "2", "3", "[2 3]", "[1 [2 3]]"}, s.log)
		s.log = nil
		m.PostUserMessage(&actor.MessageEnvelope{Message: parcel{4}})
		synctest.Wait()
		require.Equal(t, "4", s.log[0])
		require.Len(t, s.log, 2)
	})
}

func TestMailboxEscalatesPanics(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		s := &script{}
		m := s.mailbox(d)
		s.user = func(message any) {
			if message == 1 {
				panic("oops")
			}
		}
		s.escalate = func() { m.PostSystemMessage(&actor.SuspendMailbox{}) }
		for i := range 3 {
			m.PostUserMessage(i)
		}
		m.Start()
		synctest.Wait()
		require.Equal(t, []string{"0", "1", "failure oops in 1"}, s.log)
		m.PostSystemMessage(&actor.ResumeMailbox{})
		synctest.Wait()
		require.Equal(t, "2", s.log[3])
	})
}

func TestMailboxOfAnActorThatIsRestarted(t *testing.T) {
	system := quietSystem(t)
	answers := make(chan int, 10)
	pid := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor {
		n := 0
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch ctx.Message() {
			case "fail":
				panic("oops")
			case "count":
				n++
				answers <- n
			}
		})
	}, New().Option()))
	for _, message := range []string{"count", "count", "fail", "count"} {
		system.Root.Send(pid, message)
	}
	for _, want := range []int{1, 2, 1} {
		require.Equal(t, want, <-answers)
	}
	require.NoError(t, system.Root.StopFuture(pid).Wait())
}

// What an actor that has panicked was sent goes when it is stopped for that, also
// when it has children to wait for; and so does what is sent to it afterwards.
func TestMailboxOfAnActorThatIsStopped(t *testing.T) {
	for _, children := range []int{0, 3} {
		t.Run(fmt.Sprint(children, " children"), func(t *testing.T) {
			system := quietSystem(t)
			var mailbox *Mailbox
			told := 0
			d := New()
			pid := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				switch ctx.Message() {
				case "fail":
					for range children {
						ctx.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
					}
					panic("oops")
				case "more":
					told++
				}
			}, d.Option(), actor.WithMailbox(func() actor.Mailbox {
				mailbox = d.Mailbox().(*Mailbox)
				return mailbox
			}), actor.WithGuardian(actor.NewOneForOneStrategy(0, 0, func(any) actor.Directive { return actor.StopDirective }))))
			system.Root.Send(pid, "fail")
			for range 100 {
				mailbox.PostUserMessage("more")
			}
			empty := func() bool {
				mailbox.mu.Lock()
				defer mailbox.mu.Unlock()
				return !mailbox.scheduled && mailbox.user.head == nil && mailbox.system.head == nil // a turn pops without the lock
			}
			require.Eventually(t, empty, 20*time.Second, time.Millisecond)
			mailbox.PostUserMessage("more")
			require.Eventually(t, empty, 20*time.Second, time.Millisecond)
			require.Zero(t, told)
		})
	}
}

func TestSignalsCoalesce(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		s := &script{}
		m := s.withHooks(d)
		turn := make(chan struct{})
		s.user = func(message any) {
			if message == 1 {
				<-turn
			}
		}
		m.PostUserMessage(1)
		m.PostUserMessage(2)
		m.Start()
		synctest.Wait()
		for range 10 {
			m.Signal(0b001)
			m.Signal(0b100)
		}
		close(turn)
		synctest.Wait()
		require.Equal(t, []string{"1", "signals 101", "2", "burst ended"}, s.log)
		s.log = nil
		m.Signal(0b10)
		synctest.Wait()
		require.Equal(t, []string{"signals 10", "burst ended"}, s.log)
	})
}

func TestSignalsOfAnActorThatTakesNone(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		s := &script{}
		m := s.mailbox(d)
		m.Start()
		m.Signal(1)
		synctest.Wait()
		m.PostUserMessage(1)
		synctest.Wait()
		require.Equal(t, []string{"1"}, s.log)
	})
}

func TestBurstEnded(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		s := &script{}
		m := s.withHooks(d)
		for i := range turnBudget + 2 {
			m.PostUserMessage(i)
		}
		m.Start()
		synctest.Wait()
		ended := func(line string) bool { return line == "burst ended" }
		require.Equal(t, turnBudget, slices.IndexFunc(s.log, ended), "at the end of a turnBudget")
		require.Equal(t, []string{fmt.Sprint(turnBudget), fmt.Sprint(turnBudget + 1), "burst ended"}, s.log[turnBudget+1:], "once, at the end")
	})
}

func TestMailboxYields(t *testing.T) {
	s := &script{}
	m := s.withHooks(New())
	s.user = func(any) { m.Yield() }
	m.PostUserMessage(1)
	m.PostUserMessage(2)
	require.True(t, m.run(turnBudget))
	require.Equal(t, []string{"1", "burst ended"}, s.log)
	require.False(t, m.run(turnBudget))
	require.Equal(t, []string{"1", "burst ended", "2", "burst ended"}, s.log)
}

func TestHooksPanic(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		s := &script{hook: func() { panic("oops") }}
		m := s.withHooks(d)
		m.Signal(1)
		m.PostUserMessage(1)
		m.Start()
		synctest.Wait()
		require.Equal(t, []string{"signals 1", "failure oops in <nil>", "1", "burst ended"}, s.log)
	})
}

// A panic in the hooks is not that of the message before.
func TestHooksPanicBehindAMessage(t *testing.T) {
	for _, c := range []struct {
		behind func(s *script, m *Mailbox)
		want   []string
	}{
		{func(s *script, m *Mailbox) { m.Signal(1); s.hook = func() { panic("oops") } }, []string{"1", "signals 1", "failure oops in <nil>"}},
		{func(s *script, m *Mailbox) { s.burst = func() { panic("oops") } }, []string{"1", "burst ended", "failure oops in <nil>"}},
		{func(s *script, m *Mailbox) { m.Yield(); s.burst = func() { panic("oops") } }, []string{"1", "burst ended", "failure oops in <nil>"}},
	} {
		s := &script{}
		m := s.withHooks(New())
		s.user = func(any) { c.behind(s, m) }
		m.PostUserMessage(1)
		require.True(t, m.run(turnBudget), "another turn, in which it is suspended")
		require.Equal(t, c.want, s.log)
	}
}

// hooked is an actor that has hooks.
type hooked struct{ script }

func (a *hooked) Receive(ctx actor.Context) { a.note("%T", ctx.Message()) }

func TestActorWithHooks(t *testing.T) {
	system := quietSystem(t)
	a := &hooked{}
	signalled := make(chan struct{})
	var first string
	a.hook = func() { first = a.log[0]; close(signalled) }
	m := New().Mailbox().(*Mailbox)
	pid := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return a }, actor.WithMailbox(func() actor.Mailbox { return m })))
	m.Signal(1)
	await(t, signalled, "a signal")
	require.Equal(t, "*actor.Started", first)
	require.NoError(t, system.Root.StopFuture(pid).Wait())
}

func TestMailboxHoldsNothingWhileIdle(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		s := &script{}
		m := s.mailbox(d)
		m.Start()
		for range 100 {
			m.PostUserMessage(1)
		}
		m.PostSystemMessage(1)
		synctest.Wait()
		require.Len(t, s.log, 101)
		queues := []*queue{&m.user.queue, &m.system}
		for _, l := range *d.groups[0].lanes.Load() {
			queues = append(queues, &l.ready)
		}
		for _, q := range queues {
			require.Nil(t, q.head)
			require.Nil(t, q.tail)
		}
	})
}

func TestMailboxCountsInsideATurn(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		s := &script{}
		m := s.mailbox(d)
		var counts []int
		s.user = func(any) { counts = append(counts, m.UserMessageCount()) }
		for i := range 3 {
			m.PostUserMessage(i)
		}
		m.Start()
		synctest.Wait()
		require.Equal(t, []int{2, 1, 0}, counts)
	})
}

func TestManyMailboxesLoseNothing(t *testing.T) {
	const boxes, senders, each = 50, 8, 200
	d := New()
	var wait sync.WaitGroup
	wait.Add(boxes * senders * each)
	for range boxes {
		m := d.Mailbox()
		m.RegisterHandlers(invoke(func(any) { wait.Done() }), nil)
		m.Start()
		for range senders {
			go func() {
				for n := range each {
					m.PostUserMessage(n)
				}
			}()
		}
	}
	done := make(chan struct{})
	go func() { wait.Wait(); close(done) }()
	await(t, done, "all messages")
}

// PostAll keeps the order, and its messages are counted one by one.
func TestPostAll(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		s := new(script)
		m := s.withHooks(d)
		s.user = func(message any) {
			if message == 1 {
				require.Equal(t, 2, m.UserMessageCount())
				require.True(t, m.PostAll([]any{4, 5}))
			}
		}
		m.Start()
		require.True(t, m.PostAll([]any{1, 2, 3}))
		synctest.Wait()
		require.Equal(t, []string{"1", "2", "3", "4", "5", "burst ended"}, s.log)
	})
}

// Hooks are told of a turn that has called runtime.Goexit, in that turn, and go on with the next message.
func TestExited(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		s := &script{user: func(message any) {
			if message == "exit" {
				runtime.Goexit()
			}
		}}
		m := s.mailbox(d)
		m.hooks = s
		m.Start()
		m.PostUserMessage("exit")
		m.PostUserMessage("stay")
		synctest.Wait()
		require.Equal(t, []string{"exit", "exited", "stay", "burst ended"}, s.log)
	})
}

// Who does not return from Stopped is told nothing more.
func TestNothingComesAfterStopped(t *testing.T) {
	for does, leave := range map[string]func(){"panics": func() { panic("on purpose") }, "exits": runtime.Goexit} {
		t.Run(does, func(t *testing.T) {
			bubble(t, func(t *testing.T, d *Dispatcher) {
				system := quietSystem(t)
				var log []string
				self := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
					log = append(log, fmt.Sprintf("%T", ctx.Message()))
					switch ctx.Message().(type) {
					case string:
						for _, message := range []any{1, 2} {
							ctx.Send(ctx.Self(), message)
						}
						ctx.Stop(ctx.Self())
					case *actor.Stopped:
						leave()
					}
				}, d.Option()))
				system.Root.Send(self, "stop")
				synctest.Wait()
				require.Equal(t, []string{"*actor.Started", "string", "*actor.Stopping", "*actor.Stopped"}, log)
			})
		})
	}
}
