package dispatch

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMaxActiveFallsBack(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		open := make(chan struct{})
		for range 100 {
			box(d, func(any) { <-open }).PostUserMessage(1)
		}
		time.Sleep(50 * time.Millisecond)
		close(open)
		synctest.Wait()
		d.mu.Lock()
		require.Greater(t, d.maxActive, runtime.GOMAXPROCS(0))
		d.mu.Unlock()
		// Work that never pauses for long: the watch keeps looking.
		for range 200 {
			box(d, func(any) {}).PostUserMessage(1)
			time.Sleep(tick / 2)
		}
		time.Sleep(linger)
		d.mu.Lock()
		require.Equal(t, runtime.GOMAXPROCS(0), d.maxActive)
		d.mu.Unlock()
	})
}

func TestWorkersLeaveWhenMaxActiveShrinks(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		d.maxActive = 64
		for range 2 * d.maxActive {
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
		active := func() int {
			d.mu.Lock()
			defer d.mu.Unlock()
			return len(d.active)
		}
		synctest.Wait()
		require.Equal(t, 64, active())
		time.Sleep(10 * calm * tick)
		require.Equal(t, runtime.GOMAXPROCS(0), active())
	})
}

func TestWorkerThatWasWrittenOffParks(t *testing.T) {
	d := New()
	d.Keep()
	d.ready.push(job(func() {}))
	require.False(t, d.take(&worker{dispatcher: d, woken: make(chan struct{}, 1), index: -1}), "the queue is for the active ones")
	d.mu.Lock()
	require.Len(t, d.parked, 1)
	d.mu.Unlock()
}

func TestWatchNeedsThreeLooks(t *testing.T) {
	bubble(t, func(t *testing.T, d *Dispatcher) {
		open := make(chan struct{})
		m := box(d, func(any) { <-open })
		m.PostUserMessage(1)
		synctest.Wait()
		for range 2 {
			d.look()
			require.Zero(t, owes(m))
		}
		require.True(t, m.yieldRequested.Load(), "the second look asks")
		d.look()
		require.NotZero(t, owes(m))
		require.Empty(t, d.active)
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
		d.mu.Lock()
		d.ready.push(m)
		w := d.hire()
		d.mu.Unlock()
		for range 10 {
			d.look()
		}
		require.Equal(t, []*worker{w}, d.active)
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
