package dispatch

import (
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// cores gives the dispatchers of a test so many lanes.
func cores(t *testing.T, n int) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// oneGroup has a test's dispatcher consist of one group, however many cores there are.
func oneGroup(t *testing.T) { cores(t, min(runtime.GOMAXPROCS(0), groupWidth)) }

// fill puts turns into a lane that nobody drains yet, as if its worker had just been taken away.
func fill(l *lane, n int, handle func(any)) {
	for range n {
		m := box(l.group.dispatcher, handle)
		m.mu.Lock()
		m.user.push(1)
		m.scheduled = true
		m.mu.Unlock()
		l.mu.Lock()
		l.ready.push(m)
		l.mu.Unlock()
	}
}

// What waits in one lane is run by all workers: each that finds a turn wakes the next, and takes half.
func TestIdleWorkersSteal(t *testing.T) {
	cores(t, 4)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		const turns = 100
		g := d.groups[0]
		var handled, now, peak atomic.Int32
		l := g.any()
		fill(l, turns, func(any) {
			peak.Store(max(peak.Load(), now.Add(1)))
			time.Sleep(tick / 2)
			now.Add(-1)
			handled.Add(1)
		})
		began := time.Now()
		g.hire(l)
		for handled.Load() < turns {
			time.Sleep(tick / 2)
			synctest.Wait()
		}
		require.Equal(t, int32(4), peak.Load())
		require.LessOrEqual(t, time.Since(began), turns/4*tick/2+tick, "no worker was idle while turns waited")
	})
}

// The older half of another lane is taken, the rest stays where it is.
func TestStealingTakesTheOlderHalf(t *testing.T) {
	cores(t, 2)
	synctest.Test(t, func(t *testing.T) {
		d := New()
		lanes := *d.groups[0].lanes.Load()
		from, to := lanes[0], lanes[1]
		for i := range 7 {
			from.ready.push(i)
		}
		w := &worker{group: d.groups[0]}
		d.groups[0].mu.Lock()
		d.groups[0].occupy(to, w)
		d.groups[0].mu.Unlock()
		turn, surplus := w.steal()
		require.Equal(t, 0, turn)
		require.True(t, surplus)
		require.Equal(t, 0, w.turn, "the watch sees it")
		for _, want := range []int{1, 2, 3} {
			got, _ := to.ready.pop()
			require.Equal(t, want, got)
		}
		require.False(t, to.waits())
		require.Equal(t, int32(3), from.ready.count.Load())
	})
}

// A lane that is emptied by a thief while nobody drains it holds no segment.
func TestStolenLaneHoldsNothing(t *testing.T) {
	cores(t, 2)
	l := New().groups[0].any()
	l.ready.push(1)
	var turns [maxSteal]any
	n, more := l.takeHalf(&turns)
	require.Equal(t, 1, n)
	require.False(t, more)
	require.Nil(t, l.ready.head)
}

// Whoever adds a turn while somebody seeks hires nobody: whoever stops seeking does, if it has found nothing or another one.
func TestNoTurnIsOverlooked(t *testing.T) {
	cores(t, 2)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		g := d.groups[0]
		w := &worker{group: g, woken: make(chan struct{}, 1), seeking: true, begun: true}
		g.live++
		g.seeking.Add(1)
		var handled atomic.Int32
		box(d, func(any) { handled.Add(1) }).PostUserMessage(1)
		synctest.Wait()
		require.Zero(t, handled.Load(), "it is left to who seeks")
		require.True(t, g.park(w))
		go func() {
			<-w.woken
			w.work()
		}()
		synctest.Wait()
		require.Equal(t, int32(1), handled.Load())
	})
}

// A turn stays with the lane where its mailbox ran last, so actors that talk to each other share a core, except for one post in
// sixteen, which goes where it is posted from.
func TestHome(t *testing.T) {
	cores(t, 8)
	d := New()
	lanes := *d.groups[0].lanes.Load()
	m := d.Mailbox().(*Mailbox)
	require.True(t, slices.Contains(lanes, d.laneOf(m)), "none yet")
	m.home.Store(lanes[5])
	for range 10 * sampleEvery {
		for range sampleEvery - 1 {
			require.Same(t, lanes[5], d.laneOf(m))
		}
		d.laneOf(m)
	}
}

// A lane that is retired keeps nothing, and what is meant for it runs elsewhere.
func TestRetiredLanes(t *testing.T) {
	cores(t, 2)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		g := d.groups[0]
		resize := func(width int) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.setWidth(width)
		}
		resize(8)
		last := (*g.lanes.Load())[7]
		var handled atomic.Int32
		m := box(d, func(any) { handled.Add(1) })
		m.home.Store(last)
		fill(last, 10, func(any) { handled.Add(1) })
		resize(2)
		require.False(t, last.waits())
		require.Equal(t, -1, last.free)
		m.PostUserMessage(1)
		synctest.Wait()
		require.Equal(t, int32(11), handled.Load())
		require.True(t, slices.Contains(*g.lanes.Load(), m.home.Load()))
	})
}

// A worker whose lane is retired in the middle of a turn goes on with nothing of it.
func TestLaneIsRetiredInTheMiddleOfATurn(t *testing.T) {
	cores(t, 2)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		g := d.groups[0]
		g.mu.Lock()
		g.setWidth(4)
		g.mu.Unlock()
		var handled atomic.Int32
		for range 4 {
			var m *Mailbox
			m = box(d, func(any) {
				time.Sleep(tick / 4)
				if handled.Add(1) <= 4 {
					m.Yield() // so that it is queued again
				}
			})
			for range 10 {
				m.mu.Lock()
				m.user.push(1)
				m.mu.Unlock()
			}
			m.PostUserMessage(1)
		}
		synctest.Wait()
		require.Equal(t, 4, active(d))
		g.mu.Lock()
		g.setWidth(2)
		g.mu.Unlock()
		time.Sleep(tick / 2)
		require.Equal(t, 2, active(d))
		time.Sleep(100 * tick)
		require.Equal(t, int32(44), handled.Load())
	})
}

// A turn that lasts long holds none of its lane's other turns for longer than three looks, even if no other worker is idle.
func TestStuckTurnHoldsNoWork(t *testing.T) {
	cores(t, 2)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		open := make(chan struct{})
		stuck := box(d, func(any) { <-open })
		stuck.PostUserMessage(1)
		var busy *Mailbox // never runs dry
		var stop atomic.Bool
		busy = box(d, func(any) {
			time.Sleep(tick / 4)
			if !stop.Load() {
				busy.PostUserMessage(1)
			}
		})
		busy.PostUserMessage(1)
		synctest.Wait()
		handled := make(chan struct{})
		m := box(d, func(any) { close(handled) })
		m.home.Store(stuck.home.Load())
		began := time.Now()
		m.PostUserMessage(1)
		<-handled
		require.LessOrEqual(t, time.Since(began), 3*tick)
		m = box(d, func(any) { stop.Store(true); close(open) })
		m.PostUserMessage(1)
		time.Sleep(10 * tick)
	})
}

// Turns are spread over groups of eight lanes, each with a lock of its own, and those of one that has too many are run by another.
func TestGroups(t *testing.T) {
	cores(t, 16)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		require.Len(t, d.groups, 2)
		for _, g := range d.groups {
			require.Len(t, *g.lanes.Load(), 8)
		}
		var now, peak, handled atomic.Int32
		fill(d.groups[0].any(), 200, func(any) {
			peak.Store(max(peak.Load(), now.Add(1)))
			time.Sleep(tick / 2)
			now.Add(-1)
			handled.Add(1)
		})
		d.groups[0].hire(nil)
		time.Sleep(200 * tick)
		require.Equal(t, int32(200), handled.Load())
		require.Equal(t, int32(16), peak.Load())

		for group, g := range d.groups {
			var ms []*Mailbox
			for range 3 {
				m := box(d, func(any) {})
				require.True(t, m.Add(1))
				ms = append(ms, m)
			}
			d.EnqueueIn(group, slices.Clone(ms))
			synctest.Wait()
			for _, m := range ms {
				require.Same(t, g, m.home.Load().group)
			}
		}
	})
}
