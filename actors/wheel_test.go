package actors

import (
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sleeper is a passenger that notes when it was woken.
type sleeper struct {
	wheel *wheel
	alarm alarm
	woken []time.Duration
}

func (s *sleeper) item(any) {}
func (s *sleeper) settle()  {}
func (s *sleeper) signalled(bits uint32) {
	if bits&due != 0 {
		s.woken = append(s.woken, s.wheel.now())
	}
}

func newSleeper(c *Crew, w *wheel) *sleeper {
	s := &sleeper{wheel: w}
	m := c.Mailbox().(*Mailbox)
	m.RegisterHandlers(invoke(func(any) {}), nil)
	m.passenger = s
	m.Start()
	s.alarm.mailbox = m
	return s
}

func TestWheel(t *testing.T) {
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
			bubble(t, func(t *testing.T, c *Crew) {
				w := newWheel()
				s := newSleeper(c, w)
				for at := time.Duration(0); at < 400*ms; at += ms / 2 {
					for when, to := range test.sets {
						if when >= at && when < at+ms/2 {
							time.Sleep(when - at)
							w.set(&s.alarm, to)
							time.Sleep(at - when)
						}
					}
					time.Sleep(at + ms/2 - w.now())
				}
				synctest.Wait()
				require.Equal(t, test.want, s.woken)
				require.Zero(t, w.alarms())
				require.False(t, w.wound(), "a timer for nothing")
			})
		})
	}
}

// Thousands of alarms that are set, moved and taken off at random: each rings
// once, on its ten milliseconds, and wakings are shared.
func TestWheelOfThousands(t *testing.T) {
	bubble(t, func(t *testing.T, c *Crew) {
		const many = 5000
		w := newWheel()
		sleepers := make([]*sleeper, many)
		want := make([]time.Duration, many)
		for i := range sleepers {
			sleepers[i] = newSleeper(c, w)
		}
		random := rand.New(rand.NewPCG(1, 2))
		for range 4 * many {
			i := random.IntN(many)
			want[i] = 0
			if random.IntN(4) > 0 {
				want[i] = time.Second + time.Duration(random.Int64N(int64(time.Minute)))
			}
			w.set(&sleepers[i].alarm, want[i])
		}
		set := 0
		for _, at := range want {
			if at > 0 {
				set++
			}
		}
		require.Equal(t, set, w.alarms())
		require.True(t, w.wound())
		w.mu.Lock()
		for i, a := range w.due {
			require.Equal(t, i+1, a.place)
		}
		w.mu.Unlock()
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		for i, s := range sleepers {
			if want[i] == 0 {
				assert.Empty(t, s.woken)
				continue
			}
			assert.Equal(t, []time.Duration{(want[i] + coarse - 1) / coarse * coarse}, s.woken)
		}
		require.Zero(t, w.alarms())
		require.False(t, w.wound())
	})
}

// The last alarm that is taken off stops the timer: a bubble could not end with
// one that runs, and a program without connections is not woken.
func TestWheelStopsItsTimer(t *testing.T) {
	bubble(t, func(t *testing.T, c *Crew) {
		w := newWheel()
		a, b := newSleeper(c, w), newSleeper(c, w)
		w.set(&a.alarm, time.Hour)
		w.set(&b.alarm, 2*time.Hour)
		require.True(t, w.wound())
		w.set(&a.alarm, 0)
		require.True(t, w.wound())
		w.set(&b.alarm, 0)
		require.False(t, w.wound())
		require.Zero(t, w.alarms())
		w.set(&b.alarm, 3*time.Hour)
		require.True(t, w.wound())
		w.set(&b.alarm, 0)
		require.False(t, w.wound())
	})
}
