package dispatch

import (
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// width is how many lanes the only group of d has.
func width(d *Dispatcher) int { return len(*d.groups[0].lanes.Load()) }

func TestWidthFallsBack(t *testing.T) {
	oneGroup(t)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		open := make(chan struct{})
		for range 100 {
			box(d, func(any) { <-open }).PostUserMessage(1)
		}
		time.Sleep(50 * time.Millisecond)
		close(open)
		synctest.Wait()
		require.Greater(t, width(d), runtime.GOMAXPROCS(0))
		// Work that never pauses for long: the watch keeps looking.
		for range 200 {
			box(d, func(any) {}).PostUserMessage(1)
			time.Sleep(tick / 2)
		}
		time.Sleep(linger)
		require.Equal(t, runtime.GOMAXPROCS(0), width(d))
	})
}

func TestWorkersLeaveWhenAGroupBecomesNarrower(t *testing.T) {
	oneGroup(t)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		g := d.groups[0]
		g.mu.Lock()
		g.setWidth(64)
		g.mu.Unlock()
		for range 2 * 64 {
			left := 100
			var m *Mailbox
			m = box(d, func(any) {
				time.Sleep(tick / 2)
				if left--; left > 0 {
					m.PostUserMessage(1)
				}
			})
			m.PostUserMessage(1)
		}
		synctest.Wait()
		require.Equal(t, 64, active(d))
		time.Sleep(10 * calmLooks * tick)
		require.Equal(t, runtime.GOMAXPROCS(0), active(d))
	})
}

func TestWorkerThatHasLostItsLaneParks(t *testing.T) {
	single(t)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		open := make(chan struct{})
		box(d, func(any) { <-open }).PostUserMessage(1)
		time.Sleep(4 * tick)
		var handled atomic.Bool
		for range width(d) {
			box(d, func(any) { time.Sleep(tick / 2) }).PostUserMessage(1)
		}
		synctest.Wait() // all lanes are taken
		box(d, func(any) { handled.Store(true) }).PostUserMessage(1)
		synctest.Wait()
		close(open)
		synctest.Wait()
		require.False(t, handled.Load(), "each lane has a worker that is in a turn")
		require.Equal(t, 1, parked(d))
		time.Sleep(tick)
		synctest.Wait()
		require.True(t, handled.Load())
	})
}

func TestWatchNeedsThreeLooks(t *testing.T) {
	oneGroup(t)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		open := make(chan struct{})
		m := box(d, func(any) { <-open })
		m.PostUserMessage(1)
		synctest.Wait()
		for range 2 {
			d.groups[0].look()
			require.Zero(t, owes(m))
		}
		require.True(t, m.penalty().mustYield(), "the second look asks")
		d.groups[0].look()
		require.NotZero(t, owes(m))
		require.Zero(t, active(d))
		close(open)
	})
}

func TestWatchDoesNotBlameAWorkerThatHasNotBegun(t *testing.T) {
	single(t)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		handled := false
		m := d.Mailbox().(*Mailbox)
		m.RegisterHandlers(invoke(func(any) { handled = true }), nil)
		m.started, m.scheduled = true, true
		m.user.push(1)
		g := d.groups[0]
		l := g.any()
		l.ready.push(m)
		g.mu.Lock()
		w := g.engage()
		g.occupy(l, w)
		g.mu.Unlock()
		for range 10 {
			g.look()
		}
		require.Same(t, w, l.worker)
		w.wake()
		synctest.Wait()
		require.True(t, handled)
	})
}

func TestLongTurnOfQuickMessagesIsNotBlocking(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		n := 0
		m := box(d, func(any) { n++; time.Sleep(tick / 4) })
		for range turnBudget {
			m.PostUserMessage(1)
		}
		time.Sleep(turnBudget * tick)
		synctest.Wait()
		require.Equal(t, turnBudget, n)
		require.Zero(t, owes(m))
	})
}
