package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/require"
)

// deadlines is how many events the driver holds for stages.
func (p *peer) deadlines() (n int) {
	p.look(func(s *stream) { n = len(s.timers.list) })
	return n
}

// However often times and stages are changed, what was replaced is not waited for.
func TestReplacedDeadlinesAreWithdrawn(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		ping := &pipeline.KeepAlive{AutoPing: pipeline.AutoPing{Interval: time.Minute}}
		plan.Top = ping
		p, f := w.startFake(plan)
		before := p.deadlines()
		for i := range 1000 {
			p.tell(&SetLimits{Limits: func(*Limits) {}, Options: &pipeline.Limits{PingInterval: time.Hour + time.Duration(i), MessageTime: time.Hour}})
			p.tell(&SetTop{ping})
		}
		require.Equal(t, before, p.deadlines())
		f.arrives(masked(frame.Close(frame.Normal, "")))
		f.ends()
		w.eventually(p.ended, "the end")
	})
}

// An event moves when it is asked for again with Replace, also from its own turn and
// behind others that are due at the same time.
func TestReplacedEventComesOnce(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		var came []string
		start := time.Now()
		a, b, z := &event{"a"}, &event{"b"}, &event{"z"}
		plan.Top = pipeline.Stage(func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
			return func(item any) {
				switch m := item.(type) {
				case *pipeline.Start:
					for _, e := range []*event{a, z, b} {
						down(&pipeline.After{Delay: time.Second, Event: e, Replace: true})
					}
					down(&pipeline.After{Delay: 2 * time.Second, Event: z, Replace: true})
				case *event:
					came = append(came, m.name+" "+time.Since(start).String())
					if len(came) == 1 {
						down(&pipeline.After{Delay: 3 * time.Second, Event: a, Replace: true})
						down(&pipeline.After{Delay: 4 * time.Second, Event: b, Replace: true})
					}
					return
				}
				up(item)
			}, down
		})
		p, f := w.startFake(plan)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"a 1s", "z 2s", "a 4s", "b 5s"}, came)
		f.arrives(masked(frame.Close(frame.Normal, "")))
		f.ends()
		w.eventually(p.ended, "the end")
	})
}

// A stage that asks for very many events at once delays nobody: a turn takes some of
// them, and messages come between.
func TestManyEventsAtOnce(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		came := 0
		plan.Top = pipeline.Stage(func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
			return func(item any) {
				switch item.(type) {
				case *pipeline.Start:
					for range 10 * eventsATurn {
						down(&pipeline.After{Delay: time.Second, Event: &event{}})
					}
				case *event:
					came++
					return
				}
				up(item)
			}, down
		})
		p, f := w.startFake(plan)
		most := 0
		p.look(func(s *stream) {
			s.rt.deadlines.Set(&s.timers.deadline, 0)
			time.Sleep(2 * time.Second) // a turn that comes late: all are due
			for before := 0; came < 10*eventsATurn; before = came {
				s.fireTimers()
				most = max(most, came-before)
			}
		})
		synctest.Wait()
		require.Equal(t, eventsATurn, most)
		require.Zero(t, p.deadlines())
		f.arrives(masked(frame.Close(frame.Normal, "")))
		f.ends()
		w.eventually(p.ended, "the end")
	})
}
