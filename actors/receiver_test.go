package actors

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/require"
)

// talker is a Receiver that sends and does not care about what comes.
type talker struct {
	*Handle
	ended chan struct{}
}

func (s *talker) Attached(h *Handle) { s.Handle = h }
func (s *talker) Ended()             { close(s.ended) }

func (s *talker) Deliver(items []any) {
	for _, item := range items {
		if _, ok := item.(Mark); ok {
			s.WorkedThrough(1)
		}
	}
}

// sends sends n messages of a thousand bytes as there is space for them. The channel is closed when it has.
func (s *talker) sends(n int) (done chan struct{}) {
	done = make(chan struct{})
	go func() {
		defer close(done)
		for range n {
			for space := s.Space(); !s.Reserve(1000); space = s.Space() {
				select {
				case <-space:
				case <-s.ended:
					return
				}
			}
			s.Post(frame.Binary(make([]byte, 1000)))
		}
	}()
	return done
}

// Who waits for space gets it, whichever of the marks is the higher one, and when they change.
func TestSpaceBetweenTheMarks(t *testing.T) {
	type marks struct{ high, low int }
	for name, test := range map[string]struct{ before, after marks }{
		"usual":                    {marks{64_000, 16_000}, marks{64_000, 16_000}},
		"low above high":           {marks{4_000, 16_000}, marks{4_000, 16_000}},
		"high put below low":       {marks{64_000, 16_000}, marks{4_000, 16_000}},
		"low put above what waits": {marks{64_000, 16_000}, marks{64_000, 60_000}},
		"low put below what waits": {marks{64_000, 50_000}, marks{64_000, 10_000}},
		"none":                     {marks{0, 0}, marks{4_000, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				plan := w.plan(w.handler())
				s := &talker{ended: make(chan struct{})}
				plan.Handler, plan.Receiver = nil, s
				plan.Limits.High, plan.Limits.Low = test.before.high, test.before.low
				p, f := w.startFake(plan)
				f.accepts(0)
				done := s.sends(200)
				synctest.Wait()
				f.accepts(24_000)
				synctest.Wait()
				p.tell(&SetLimits{Limits: func(l *Limits) { l.High, l.Low = test.after.high, test.after.low }})
				synctest.Wait()
				f.accepts(-1)
				synctest.Wait()
				select {
				case <-done:
				default:
					require.Fail(w, "somebody waits for space that there is")
				}
				f.goodbye()
				<-s.ended
			})
		})
	}
}

// Who waits for space is no proof of a slow peer, also where less output may wait than what senders do not wait for.
func TestWhoWaitsForSpaceFindsNobodySlow(t *testing.T) {
	for name, sends := range map[string]func(p *peer, s *talker, n int) (done chan struct{}){
		"space": func(_ *peer, s *talker, n int) chan struct{} { return s.sends(n) },
		"offers": func(p *peer, _ *talker, n int) chan struct{} {
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range n {
					o := NewOffer(frame.Binary(make([]byte, 1000)), Whole)
					if p.tell(o); o.Wait(p.Context()) != nil {
						return
					}
				}
			}()
			return done
		},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				plan := w.plan(w.handler())
				s := &talker{ended: make(chan struct{})}
				plan.Handler, plan.Receiver = nil, s
				plan.Limits.Out, plan.Limits.SlowAfter, plan.Limits.Burst = 32_000, 5*time.Second, 0
				p, f := w.startFake(plan)
				f.accepts(0)
				done := sends(p, s, 1000)
				for range 60 {
					time.Sleep(time.Second)
					f.accepts(4000)
				}
				f.accepts(-1)
				<-done
				require.False(w, p.ended())
				f.goodbye()
				<-s.ended
			})
		})
	}
}
