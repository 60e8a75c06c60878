package sockets

import (
	queues "container/heap"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestBackoff(t *testing.T) {
	var usual Backoff
	for failures, ceiling := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30} {
		assert.Equal(t, 100*time.Millisecond, usual.wait(failures, 0), failures)
		assert.InDelta(t, float64(ceiling*time.Second), float64(usual.wait(failures, 0.9999999)), float64(10*time.Microsecond), failures)
		for range 100 {
			w := usual.Wait(failures)
			assert.GreaterOrEqual(t, w, 100*time.Millisecond)
			assert.Less(t, w, ceiling*time.Second)
		}
	}
	assert.Equal(t, 30*time.Second, usual.ceiling(1<<30))
	for name, test := range map[string]struct {
		b        Backoff
		failures int
		want     time.Duration // in the middle
	}{
		"no floor":           {Backoff{Floor: -1}, 0, 500 * time.Millisecond},
		"no wait":            {Backoff{Floor: -1, Cap: -1}, 9, 0},
		"never more":         {Backoff{Floor: -1, First: -1}, 9, 0},
		"floor over ceiling": {Backoff{Floor: time.Minute}, 3, time.Minute},
		"no cap to speak of": {Backoff{Floor: -1, Cap: math.MaxInt64}, 99, math.MaxInt64/2 + 1},
		"first over cap":     {Backoff{Floor: -1, First: time.Hour, Cap: time.Minute}, 0, 30 * time.Second},
	} {
		assert.Equal(t, test.want, test.b.wait(test.failures, 0.5), name)
	}
}

// A connection that breaks again and again is no reason to try faster; one that has held is.
func TestRetriesAreResetBySteadyConnections(t *testing.T) {
	b := &Backoff{Steady: time.Minute}
	var r retries
	for i, step := range []struct {
		held               time.Duration // 0: an attempt
		failures, attempts int           // afterwards
	}{
		{0, 1, 1}, {0, 2, 2}, {time.Second, 3, 0}, {59 * time.Second, 4, 0}, {0, 5, 1}, {time.Minute, 1, 0}, {0, 2, 1},
	} {
		r.next(b, step.held)
		assert.Equal(t, retries{step.failures, step.attempts}, r, i)
	}
}

// arrival is an attempt of a client in virtual time.
type arrival struct {
	at time.Duration
	retries
}

type arrivals []*arrival

func (a arrivals) Len() int           { return len(a) }
func (a arrivals) Less(i, j int) bool { return a[i].at < a[j].at }
func (a arrivals) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)        { *a = append(*a, x.(*arrival)) }
func (a *arrivals) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// restart has clients lose a server at once, which is back after the time down. It returns
// how many attempts there were in each tenth of a second after its return.
func restart(clients int, down time.Duration, wait func(*retries) time.Duration) (tenths []int, attempts int) {
	var queue arrivals
	for range clients {
		a := &arrival{}
		a.at = wait(&a.retries)
		queue = append(queue, a)
	}
	queues.Init(&queue)
	for len(queue) > 0 {
		a := queues.Pop(&queue).(*arrival)
		attempts++
		if a.at < down {
			a.at += wait(&a.retries)
			queues.Push(&queue, a)
			continue
		}
		tenth := int((a.at - down) / (100 * time.Millisecond))
		for len(tenths) <= tenth {
			tenths = append(tenths, 0)
		}
		tenths[tenth]++
	}
	return tenths, attempts
}

func most(counts []int) (n int) {
	for _, c := range counts {
		n = max(n, c)
	}
	return n
}

// Ten thousand clients lose their server in the same moment. Whether it is back at once or in
// a while, they come back spread over as long a time as was waited for, and no tenth of a second
// has many more than its share. Clients without jitter come in one.
func TestTenThousandComeBackSpread(t *testing.T) {
	const clients = 10_000
	b := new(Backoff)
	for _, test := range []struct {
		down     time.Duration
		peak     int // in a tenth of a second, at most
		attempts int // of a client, at most
	}{
		{0, 1400, 1},
		{time.Second, 1400, 3},
		{5 * time.Second, 1000, 6},
		{30 * time.Second, 400, 8},
		{5 * time.Minute, 200, 30},
	} {
		tenths, attempts := restart(clients, test.down, func(r *retries) time.Duration { return r.next(b, 0) })
		assert.LessOrEqual(t, most(tenths), test.peak, "down for %s, over %d tenths", test.down, len(tenths))
		assert.LessOrEqual(t, attempts, clients*test.attempts, test.down)
		t.Logf("down for %s: %d at most in a tenth of a second, over %.1f s, %.1f attempts each", test.down, most(tenths), float64(len(tenths))/10, float64(attempts)/clients)
	}
	tenths, _ := restart(clients, 5*time.Second, func(r *retries) time.Duration { r.next(b, 0); return b.ceiling(r.failures - 1) })
	assert.Equal(t, clients, most(tenths), "the test of the test: without jitter")
}
