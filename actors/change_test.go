package actors

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Credit that is lowered below what was handed over is no dead end either where the handler has been asked about
// a part of that.
func TestLowerCreditWhileAMarkIsOnItsWay(t *testing.T) {
	virtually(t, func(w *world) {
		h, gate := w.gated()
		p, f := w.startFake(w.plan(h))
		f.arrives(strings.Repeat(masked(frame.Text("x")), 52))
		synctest.Wait()
		require.Equal(w, 52, p.handed())
		p.tell(&SetLimits{Limits: func(l *Limits) { l.CreditFrames = 10 }})
		synctest.Wait()
		f.arrives(strings.Repeat(masked(frame.Text("y")), 20))
		close(gate)
		synctest.Wait()
		require.Equal(w, 72, h.frames())
		f.arrives(masked(frame.Close(frame.Normal, "")))
		f.ends()
		h.closed()
	})
}

// never is a time that has no end, as a limit, and that of an end which does not come.
const never = 0

// A WriteStall that is changed counts at once for output that waits already.
func TestChangeOfStall(t *testing.T) {
	for name, test := range map[string]struct{ before, after, ends time.Duration }{
		"lifted":  {10 * time.Second, never, never},
		"longer":  {10 * time.Second, time.Minute, 65 * time.Second},
		"shorter": {time.Minute, 10 * time.Second, 15 * time.Second},
		"set":     {never, 10 * time.Second, 15 * time.Second},
		"kept":    {10 * time.Second, 10 * time.Second, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				h := w.handler()
				plan := w.plan(h)
				plan.Limits.Stall = test.before
				p, f := w.startFake(plan)
				f.accepts(0)
				p.tell(frame.Text("hello"))
				w.endsAfter(p, f, test.ends, 0, func(l *Limits) { l.Stall = test.after })
				h.closed()
			})
		})
	}
}

// So does the time that a slow peer has.
func TestChangeOfSlowAfter(t *testing.T) {
	for name, test := range map[string]struct{ before, after, ends time.Duration }{
		"lifted":  {10 * time.Second, never, never},
		"longer":  {10 * time.Second, time.Minute, time.Minute},
		"shorter": {time.Minute, 10 * time.Second, 10 * time.Second},
		"over":    {time.Minute, 3 * time.Second, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				h := w.handler()
				plan := w.plan(h)
				plan.Limits.SlowAfter, plan.Limits.Burst, plan.Limits.Stall = test.before, 0, 0
				p, f := w.startFake(plan)
				f.accepts(0)
				for range 3 {
					p.tell(sized(1 << 20))
				}
				w.endsAfter(p, f, test.ends, usual.Linger, func(l *Limits) { l.SlowAfter = test.after })
				h.closed()
			})
		})
	}
}

// So does the time in which a handler is to work through something.
func TestChangeOfCreditTimeout(t *testing.T) {
	for name, test := range map[string]struct{ before, after, ends time.Duration }{
		"lifted":  {20 * time.Second, never, never},
		"longer":  {20 * time.Second, 80 * time.Second, 85 * time.Second},
		"shorter": {80 * time.Second, 20 * time.Second, 25 * time.Second},
		"set":     {never, 20 * time.Second, 25 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			virtually(t, func(w *world) {
				h, gate := w.gated()
				plan := w.plan(h)
				plan.Limits.CreditTimeout = test.before
				p, f := w.startFake(plan)
				f.arrives(strings.Repeat(masked(frame.Text("x")), usual.CreditFrames/2)) // enough for a Touch
				w.endsAfter(p, f, test.ends, 0, func(l *Limits) { l.CreditTimeout = test.after })
				close(gate)
				h.closed()
			})
		})
	}
}

// endsAfter changes the limits of p's connection in 5 s, and requires that it begins to end in the time, or never
// does. The end itself takes what it takes.
func (w *world) endsAfter(p *peer, f *fake, ends, takes time.Duration, change func(l *Limits)) {
	w.Helper()
	closed := func() bool { f.mu.Lock(); defer f.mu.Unlock(); return f.closes > 0 }
	began := time.Now()
	time.Sleep(5 * time.Second)
	p.tell(&SetLimits{Limits: change})
	for !closed() && time.Since(began) < time.Hour {
		time.Sleep(50 * time.Millisecond)
	}
	if ends == never {
		assert.False(w, closed())
		p.tell(&pipeline.Cut{})
		return
	}
	assert.InDelta(w, (ends + takes).Seconds(), time.Since(began).Seconds(), 2) // deadlines are met in batches
}
