package dispatch

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sleeper has hooks that note when it was woken.
type sleeper struct {
	deadlines *Deadlines
	deadline  Deadline
	woken     []time.Duration
}

func (s *sleeper) Item(any) bool { return false }
func (s *sleeper) BurstEnded()   {}
func (s *sleeper) Exited()       {}
func (s *sleeper) Signalled(bits uint32) {
	if bits&Due != 0 {
		s.woken = append(s.woken, s.deadlines.Now())
	}
}

func newSleeper(d *Dispatcher, w *Deadlines) *sleeper {
	s := &sleeper{deadlines: w}
	m := d.Mailbox().(*Mailbox)
	m.RegisterHandlers(invoke(func(any) {}), nil)
	m.hooks = s
	m.Start()
	s.deadline.Init(m)
	return s
}

// armed reports whether the timer runs.
func (t *Deadlines) armed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next > 0
}

func TestDeadlines(t *testing.T) {
	const ms = time.Millisecond
	for name, test := range map[string]struct {
		sets map[time.Duration]time.Duration // when: to what
		want []time.Duration
	}{
		"once":                     {map[time.Duration]time.Duration{0: 100 * ms}, []time.Duration{100 * ms}},
		"rounded up":               {map[time.Duration]time.Duration{0: 91 * ms}, []time.Duration{100 * ms}},
		"the next nanosecond":      {map[time.Duration]time.Duration{0: 1}, []time.Duration{10 * ms}},
		"past":                     {map[time.Duration]time.Duration{50 * ms: 20 * ms}, []time.Duration{50 * ms}},
		"later":                    {map[time.Duration]time.Duration{0: 100 * ms, 50 * ms: 200 * ms}, []time.Duration{200 * ms}},
		"sooner":                   {map[time.Duration]time.Duration{0: 200 * ms, 50 * ms: 100 * ms}, []time.Duration{100 * ms}},
		"off":                      {map[time.Duration]time.Duration{0: 100 * ms, 50 * ms: 0}, nil},
		"off and on":               {map[time.Duration]time.Duration{0: 100 * ms, 50 * ms: 0, 60 * ms: 100 * ms}, []time.Duration{100 * ms}},
		"off, though never on":     {map[time.Duration]time.Duration{0: 0}, nil},
		"again after it has rung":  {map[time.Duration]time.Duration{0: 100 * ms, 100*ms + 1: 120 * ms}, []time.Duration{100 * ms, 120 * ms}},
		"again for the same time":  {map[time.Duration]time.Duration{0: 100 * ms, 150 * ms: 100 * ms}, []time.Duration{100 * ms, 150 * ms}},
		"twice the same":           {map[time.Duration]time.Duration{0: 100 * ms, 20 * ms: 100 * ms}, []time.Duration{100 * ms}},
		"off after it has rung":    {map[time.Duration]time.Duration{0: 100 * ms, 150 * ms: 0}, []time.Duration{100 * ms}},
		"moved back and forth":     {map[time.Duration]time.Duration{0: 100 * ms, 10 * ms: 300 * ms, 20 * ms: 50 * ms}, []time.Duration{50 * ms}},
		"within the same ten":      {map[time.Duration]time.Duration{0: 92 * ms, 1 * ms: 98 * ms}, []time.Duration{100 * ms}},
		"one timer is early, fine": {map[time.Duration]time.Duration{0: 20 * ms, 10 * ms: 60 * ms, 30 * ms: 40 * ms}, []time.Duration{40 * ms}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, d *Dispatcher) {
				w := NewDeadlines()
				s := newSleeper(d, w)
				for at := time.Duration(0); at < 400*ms; at += ms / 2 {
					for when, to := range test.sets {
						if when >= at && when < at+ms/2 {
							time.Sleep(when - at)
							w.Set(&s.deadline, to)
							time.Sleep(at - when)
						}
					}
					time.Sleep(at + ms/2 - w.Now())
				}
				synctest.Wait()
				require.Equal(t, test.want, s.woken)
				require.Zero(t, w.Len())
				require.False(t, w.armed(), "a timer for nothing")
			})
		})
	}
}

// Thousands of deadlines are set, moved and withdrawn at random: each one that stays is signalled
// once, at its ten milliseconds.
func TestDeadlinesOfThousands(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		const many = 5000
		w := NewDeadlines()
		sleepers := make([]*sleeper, many)
		want := make([]time.Duration, many)
		for i := range sleepers {
			sleepers[i] = newSleeper(d, w)
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range 4 * many {
			i := random.IntN(many)
			want[i] = 0
			if random.IntN(4) > 0 {
				want[i] = time.Second + time.Duration(random.Int64N(int64(time.Minute)))
			}
			w.Set(&sleepers[i].deadline, want[i])
		}
		set := 0
		for _, at := range want {
			if at > 0 {
				set++
			}
		}
		require.Equal(t, set, w.Len())
		require.True(t, w.armed())
		w.mu.Lock()
		for i, a := range w.heap {
			require.Equal(t, i+1, a.index)
		}
		w.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for i, s := range sleepers {
			if want[i] == 0 {
				assert.Empty(t, s.woken)
				continue
			}
			assert.Equal(t, []time.Duration{(want[i] + granularity - 1) / granularity * granularity}, s.woken)
		}
		require.Zero(t, w.Len())
		require.False(t, w.armed())
	})
}

// The last deadline that is withdrawn stops the timer: a bubble could not end with
// one that runs, and a program without connections is not woken.
func TestDeadlinesStopsItsTimer(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		w := NewDeadlines()
		a, b := newSleeper(d, w), newSleeper(d, w)
		w.Set(&a.deadline, time.Hour)
		w.Set(&b.deadline, 2*time.Hour)
		require.True(t, w.armed())
		w.Set(&a.deadline, 0)
		require.True(t, w.armed())
		w.Set(&b.deadline, 0)
		require.False(t, w.armed())
		require.Zero(t, w.Len())
		w.Set(&b.deadline, 3*time.Hour)
		require.True(t, w.armed())
		w.Set(&b.deadline, 0)
		require.False(t, w.armed())
	})
}
