package actors

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/require"
)

// event is a test's own, asked for with After.
type event struct{ name string }

// timed asks for events at the start and gives those that come to ring.
func timed(ring func(e *event, down pipeline.Sink), events map[string]time.Duration) pipeline.Stage {
	return func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
		return func(item any) {
			switch m := item.(type) {
			case *pipeline.Start:
				for name, d := range events {
					down(&pipeline.After{Delay: d, Event: &event{name}})
				}
			case *event:
				ring(m, down)
				return
			}
			up(item)
		}, down
	}
}

func TestEventsComeInOrder(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		var came []string
		start := time.Now()
		plan.Top = timed(func(e *event, down pipeline.Sink) {
			came = append(came, e.name+" "+time.Since(start).String())
			if e.name == "b" {
				down(&pipeline.After{Delay: time.Second, Event: &event{"d"}})
				down(&pipeline.After{Delay: -time.Second, Event: &event{"c"}})
			}
		}, map[string]time.Duration{"a": time.Second, "b": 2 * time.Second, "z": time.Minute, "now": 0})
		p, f := w.startFake(plan)
		time.Sleep(10 * time.Second)
		f.arrives(masked(frame.Close(frame.Normal, "")))
		f.ends()
		w.eventually(p.ended, "the end")
		require.Equal(t, []string{"now 10ms", "a 1s", "b 2s", "c 2.01s", "d 3s"}, came)
	})
}

// A stage that panics in one of its events does not silence the clock: the end
// that follows has its time.
func TestPanicInAnEvent(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		plan.Top = timed(func(e *event, _ pipeline.Sink) {
			if e.name == "bad" {
				panic("event")
			}
		}, map[string]time.Duration{"bad": time.Second, "other": 3 * time.Second})
		p, f := w.startFake(plan)
		time.Sleep(time.Minute)
		require.True(t, p.ended(), "the peer is silent, the linger time is over")
		require.Equal(t, 1, f.closes)
		got := h.closed()
		require.Equal(t, frame.InternalError, got.Code)
		require.EqualError(t, got.Err, "panic: event")
	})
}

// An event that asks for itself again, at once, does not hold the turn.
func TestEventThatComesAtOnce(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		n := 0
		plan.Top = timed(func(e *event, down pipeline.Sink) {
			if n++; n < 1000 {
				down(&pipeline.After{Event: e})
			}
		}, map[string]time.Duration{"again": 0})
		p, f := w.startFake(plan)
		f.arrives(masked(frame.Close(frame.Normal, "")))
		f.ends()
		w.eventually(p.ended, "the end")
		require.Less(t, n, 10)
	})
}

// panicking is a stage that panics at every item of a kind.
func panicking(when func(item any) bool) pipeline.Stage {
	look := func(item any) {
		if when(item) {
			panic("panicking")
		}
	}
	return pipeline.Tap(look, look)
}

func isA[T any](item any) bool {
	_, ok := item.(T)
	return ok
}

// Stages that panic when everything ends, the panic's own end included.
func TestStagePanicsAtTheEnd(t *testing.T) {
	starting := true
	afterStart := func(item any) bool {
		if starting && isA[*pipeline.Start](item) {
			starting = false
			return false
		}
		return true
	}
	for name, test := range map[string]struct {
		when func(any) bool
		play func(w *world, p *peer, f *fake)
		code frame.Code // 0: any
	}{
		"at Closed": {isA[*pipeline.Closed], func(w *world, p *peer, f *fake) {
			f.arrives(masked(frame.Close(frame.Normal, "")))
			f.ends()
		}, frame.Normal},
		"at Lost": {isA[*pipeline.Lost], func(w *world, p *peer, f *fake) { f.ends() }, 0},
		"at Leave, stopped": {isA[*pipeline.Leave], func(w *world, p *peer, f *fake) {
			w.system.Root.Stop(p.pid)
		}, 0},
		"at Leave, drained": {isA[*pipeline.Leave], func(w *world, p *peer, f *fake) {
			p.tell(&pipeline.Leave{})
		}, frame.InternalError},
		"at Drained, stopped": {isA[*pipeline.Drained], func(w *world, p *peer, f *fake) {
			f.accepts(0)
			p.tell(frame.Text(strings.Repeat("x", 100<<10)))
			synctest.Wait()
			f.mu.Lock()
			f.space = -1
			f.mu.Unlock()
			w.system.Root.Stop(p.pid)
		}, 0},
		"at Start":       {isA[*pipeline.Start], func(w *world, p *peer, f *fake) {}, frame.InternalError},
		"at HandlerGone": {isA[*pipeline.HandlerGone], func(w *world, p *peer, f *fake) { w.system.Root.Stop(p.pid) }, 0},
		"at Overflow":    {isA[*pipeline.Overflow], func(w *world, p *peer, f *fake) { f.ends() }, 0},
		"at everything":  {func(any) bool { return true }, func(w *world, p *peer, f *fake) {}, 0},
		"after Start":    {afterStart, func(w *world, p *peer, f *fake) { f.ends() }, 0},
		"at Close, down": {isA[*frame.Frame], func(w *world, p *peer, f *fake) { p.tell(frame.Close(frame.Normal, "")) }, frame.InternalError},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				h := w.handler()
				plan := w.plan(h)
				plan.Top = pipeline.Chain(panicking(test.when), plan.Top.Stage())
				p, f := w.startFake(plan)
				synctest.Wait()
				test.play(w, p, f)
				synctest.Wait()
				if p.ended() { // and not later, when nobody can stop it any more
					require.Equal(w, 1, f.closes)
				}
				time.Sleep(time.Minute)
				require.True(w, p.ended(), "the connection has not ended")
				require.Equal(w, 1, f.closes)
				require.Empty(w, f.abuse)
				got := h.closed()
				if test.code != 0 {
					require.Equal(w, test.code, got.Code, "%+v", got)
				}
			})
		})
	}
}

// When both have said all, nothing is waited for.
func TestEndsWithoutDelay(t *testing.T) {
	for name, play := range map[string]func(p *peer, f *fake){
		"peer closes": func(p *peer, f *fake) { f.goodbye() },
		"peer closes, then ends": func(p *peer, f *fake) {
			f.arrives(masked(frame.Close(frame.Normal, "")))
			synctest.Wait()
			f.ends()
		},
		"handler closes": func(p *peer, f *fake) {
			p.tell(frame.Close(frame.Normal, ""))
			synctest.Wait()
			f.goodbye()
		},
		"peer ends":   func(p *peer, f *fake) { f.ends() },
		"stopped":     func(p *peer, f *fake) { p.system.Root.Stop(p.pid) },
		"write fails": func(p *peer, f *fake) { f.broken = syscall.EPIPE; p.tell(frame.Text("hello")) },
		"peer ends what was not written yet": func(p *peer, f *fake) {
			f.accepts(0)
			f.goodbye()
			synctest.Wait()
			f.accepts(-1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				h := w.handler()
				p, f := w.startFake(w.plan(h))
				synctest.Wait()
				play(p, f)
				synctest.Wait()
				require.True(w, p.ended())
				require.Equal(w, 1, told[*pipeline.Closed](h))
			})
		})
	}
}

// A peer that has all that we sent, and keeps the connection, delays the end by a second, whoever closed first and why. One that
// made a mistake and goes on sending is read for as long as the time allows, so that it sees our Close and no reset.
func TestEndsSoonAfterTheLastWord(t *testing.T) {
	for name, test := range map[string]struct {
		first    any    // of ours
		client   string // of the peer, if it is one
		server   string
		goesOn   bool
		lateness time.Duration
	}{
		"our Close is answered":         {first: frame.Close(frame.Normal, ""), client: masked(frame.Close(frame.Normal, "")), server: "\x88\x00", lateness: readOn},
		"the peer closes":               {client: masked(frame.Close(frame.Normal, "")), server: "\x88\x00", lateness: readOn},
		"the peer closes and goes on":   {client: masked(frame.Close(frame.Normal, "")), server: "\x88\x00", goesOn: true, lateness: readOn},
		"the peer is wrong":             {client: "\x83\x80\x00\x00\x00\x00", server: "\x83\x00", lateness: readOn},
		"the peer is wrong and goes on": {client: "\x83\x80\x00\x00\x00\x00", server: "\x83\x00", goesOn: true, lateness: usual.Linger},
	} {
		for _, client := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s,client=%t", name, client), func(t *testing.T) {
				virtually(t, func(w *world) {
					h := w.handler()
					plan := w.plan(h)
					if client {
						plan.Core = pipeline.Chain(pipeline.Assemble, pipeline.Closing{Client: true, Timeout: usual.Linger}.Stage(), pipeline.Codec{Client: true}.Stage())
					}
					p, f := w.startFake(plan)
					synctest.Wait()
					if test.first != nil {
						p.tell(test.first)
						synctest.Wait()
					}
					if client {
						f.arrives(test.server)
					} else {
						f.arrives(test.client)
					}
					const step = 100 * time.Millisecond
					took := time.Duration(0)
					for ; took < 2*usual.Linger; took += step {
						if synctest.Wait(); p.ended() {
							break
						}
						time.Sleep(step)
						if test.goesOn {
							f.arrives("x")
						}
					}
					require.InDelta(w, test.lateness, took, float64(step))
				})
			})
		}
	}
}

// A recipe, or the producer of a handler, that panics leaves nothing either.
func TestUpgradeThatPanics(t *testing.T) {
	broken := func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) { panic("recipe") }
	for name, spoil := range map[string]func(*Plan){
		"core": func(p *Plan) { p.Core = pipeline.Stage(broken) },
		"top":  func(p *Plan) { p.Top = pipeline.Stage(broken) },
		"producer": func(p *Plan) {
			p.Handler, p.Spawn = nil, actor.PropsFromProducer(func() actor.Actor { panic("producer") })
		},
		"nobody": func(p *Plan) { p.Handler = nil },
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				h := w.spawned()
				h.mortal = true
				h.pid = w.system.Root.Spawn(h.props)
				left := 0
				other := w.startOver(w.plan(h), &fake{space: -1}) // a member of the group
				plan := w.plan(h)
				plan.Life = onSettled(func() { left++ })
				spoil(plan)
				p, f := w.startFake(plan)
				time.Sleep(time.Minute)
				require.True(w, p.ended(), "the connection has not ended")
				require.Equal(w, 1, f.closes)
				require.Equal(w, 1, left, "calls of Leave")
				require.Equal(w, 1, w.rt.defaultGroup.Len(), "the other one")
				w.system.Root.Stop(other.pid)
				w.system.Root.StopFuture(h.pid).Wait()
			})
		})
	}
}

// Nothing goes up behind Closed, whatever stages do.
func TestNothingFollowsClosed(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		plan.Top = pipeline.Stage(func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
			return func(item any) {
				up(item)
				if isA[*pipeline.Closed](item) {
					up("and another thing")
				}
			}, down
		})
		_, f := w.startFake(plan)
		f.arrives(masked(frame.Close(frame.Normal, "")))
		f.ends()
		h.closed()
		synctest.Wait()
		require.Len(t, h.all, 2)
	})
}

// What came before a write failed is handed over, in order and whole, also when
// the write was made in the middle of reading it.
func TestWriteFailsInTheMiddleOfInput(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		plan.Limits.CreditFrames, plan.Limits.CreditBytes = 0, 0
		p, f := w.startFake(plan)
		synctest.Wait()
		// Pongs fill the out buffer while the first read is decoded; more to read
		// is there already.
		ping := masked(frame.Ping([]byte(strings.Repeat("p", 125))))
		var sent []string
		for i := range 600 {
			text := strings.Repeat("x", 40) + string(rune('a'+i%26))
			sent = append(sent, text)
			f.in += ping + masked(frame.Text(text))
		}
		f.in += masked(frame.Close(frame.Normal, "bye"))
		f.broken = syscall.EPIPE
		f.ends()
		time.Sleep(time.Minute)
		require.True(w, p.ended())
		h.greeted()
		for i, want := range sent {
			m := h.next()
			got, ok := m.(*frame.Frame)
			require.True(w, ok, "after %d of %d: %+v", i, len(sent), m)
			require.Equal(w, want, got.String(), i)
		}
		got := expect[*pipeline.Closed](h)
		require.Equal(w, frame.Normal, got.Code)
		require.Equal(w, "bye", got.Reason)
	})
}

// What the peer said before its end is read when a write fails because of that.
func TestWriteFailsBeforeTheRead(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		p, f := w.startFake(w.plan(h))
		h.greeted()
		f.in = masked(frame.Text("last words")) + masked(frame.Close(4000, "bye")) // not signalled yet
		f.eof, f.broken = true, syscall.EPIPE
		p.tell(frame.Text("too late"))
		h.text("last words")
		require.Equal(w, "bye", expect[*pipeline.Closed](h).Reason)
	})
}

// Nothing is waited for when the peer's Close is read only then, and more is there behind it.
func TestWriteFailsBeforeACloseIsRead(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		p, f := w.startFake(w.plan(h))
		h.greeted()
		f.in, f.unread, f.broken = masked(frame.Close(4000, "bye")), true, syscall.EPIPE // not signalled yet
		began := time.Now()
		p.tell(frame.Text("too late"))
		require.Equal(w, "bye", expect[*pipeline.Closed](h).Reason)
		require.Zero(w, time.Since(began))
	})
}

// An error of the wire does not overtake what was read before it, even if there
// is no credit for that at the moment.
func TestEndWaitsForCredit(t *testing.T) {
	everywhere(t, func(w *world) {
		gate := make(chan struct{})
		h := w.handler(func(actor.Context) { <-gate })
		plan := w.plan(h)
		plan.Limits.CreditFrames = 4
		p := w.link(plan)
		p.send(strings.Repeat(masked(frame.Text("x")), 1000), masked(frame.Close(frame.Normal, "bye")))
		p.half()
		close(gate)
		got := h.closed()
		require.Equal(w, "bye", got.Reason)
		require.Equal(w, 1000, h.frames())
		p.drain()
	})
}

// drain reads to the end, whatever comes.
func (p *peer) drain() {
	for {
		if _, err := readFrame(p.in); err != nil {
			return
		}
	}
}

func TestFlush(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		answers := w.handler()
		answers.bystander = true
		p, f := w.startFake(w.plan(h))
		ask := func() { w.system.Root.RequestWithCustomSender(p.pid, &flush{}, answers.pid) }
		ask()
		require.NoError(w, expect[*flushed](answers).Err, "nothing waits")
		f.accepts(3)
		p.tell(frame.Text("hello"))
		ask()
		synctest.Wait()
		require.Equal(w, 1, told[*flushed](answers), "two bytes of a header are not all")
		f.accepts(-1)
		require.NoError(w, expect[*flushed](answers).Err)
		require.Equal(w, "\x81\x05hello", f.written())
		f.accepts(0)
		p.tell(frame.Text("lost"))
		ask()
		ask()
		synctest.Wait()
		w.system.Root.Stop(p.pid)
		require.Error(w, expect[*flushed](answers).Err)
		require.Error(w, expect[*flushed](answers).Err)
	})
}

// Stages are replaced between two frames, and those above the codec alone.
func TestSetTop(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		p, f := w.startFake(w.plan(h))
		shout := func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
			return func(item any) {
				if m, ok := item.(*frame.Frame); ok && m.Opcode == frame.OpText {
					item = frame.Text(strings.ToUpper(m.String()))
				}
				up(item)
			}, down
		}
		h.greeted()
		f.arrives(masked(frame.Text("one"))[:3])
		synctest.Wait()
		p.tell(&SetTop{pipeline.Stage(shout)})
		synctest.Wait()
		f.arrives(masked(frame.Text("one"))[3:])
		h.text("ONE")
		p.tell(&SetTop{pipeline.Chain()})
		synctest.Wait()
		f.arrives(masked(frame.Text("two")))
		h.text("two")
		f.arrives(masked(frame.Close(frame.Normal, "")))
		f.ends()
		h.closed()
	})
}

// What the handler is told first goes up through the stages, behind their Start. A
// stage can see it, change it, and keep it back until it is satisfied.
func TestHelloGoesThroughTheStages(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		var saw []any
		var kept any
		plan.Top = pipeline.Stage(func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
			return func(item any) {
				if saw = append(saw, item); item == plan.Hello {
					kept = &hello{}
					return
				}
				if kept != nil {
					up(kept)
					kept = nil
				}
				up(item)
			}, down
		})
		_, f := w.startFake(plan)
		synctest.Wait()
		require.Empty(w, h.all)
		require.Len(w, saw, 2)
		require.IsType(w, &pipeline.Start{}, saw[0])
		require.Same(w, plan.Hello, saw[1])
		f.arrives(masked(frame.Text("let me in")))
		h.greeted()
		h.text("let me in")
		f.ends()
		h.closed()
	})
}

// Credit that is lowered below what was handed over is not a dead end.
func TestLowerCredit(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		p, f := w.startFake(w.plan(h))
		f.arrives(strings.Repeat(masked(frame.Text("x")), 20)) // too few for a Touch
		synctest.Wait()
		require.Equal(w, 20, h.frames())
		p.tell(&SetLimits{Limits: func(l *Limits) { l.CreditFrames = 10 }})
		synctest.Wait()
		f.arrives(strings.Repeat(masked(frame.Text("y")), 20))
		synctest.Wait()
		require.Equal(w, 40, h.frames())
		f.arrives(masked(frame.Close(frame.Normal, "")))
		f.ends()
		h.closed()
	})
}

// Credit that is raised counts at once.
func TestRaiseCredit(t *testing.T) {
	virtually(t, func(w *world) {
		gate := make(chan struct{})
		h := w.handler(func(ctx actor.Context) { <-gate })
		plan := w.plan(h)
		plan.Limits.CreditFrames = 10
		p, f := w.startFake(plan)
		f.arrives(strings.Repeat(masked(frame.Text("x")), 100))
		synctest.Wait()
		require.Equal(w, 10, p.handed())
		p.tell(&SetLimits{Limits: func(l *Limits) { l.CreditFrames = 50 }})
		synctest.Wait()
		require.Equal(w, 50, p.handed())
		close(gate)
		f.arrives(masked(frame.Close(frame.Normal, "")))
		f.ends()
		h.closed()
		require.Equal(w, 100, h.frames())
	})
}
