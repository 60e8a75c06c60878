package actors

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRoomFallsBack(t *testing.T) {
	bubble(t, func(t *testing.T, c *Crew) {
		open := make(chan struct{})
		for range 100 {
			box(c, func(any) { <-open }).PostUserMessage(1)
		}
		time.Sleep(50 * time.Millisecond)
		close(open)
		synctest.Wait()
		c.mu.Lock()
		require.Greater(t, c.room, runtime.GOMAXPROCS(0))
		c.mu.Unlock()
		// Work that never pauses for long: the watch keeps looking.
		for range 200 {
			box(c, func(any) {}).PostUserMessage(1)
			time.Sleep(tick / 2)
		}
		time.Sleep(linger)
		c.mu.Lock()
		require.Equal(t, runtime.GOMAXPROCS(0), c.room)
		c.mu.Unlock()
	})
}

func TestWorkersLeaveWhenTheRoomShrinks(t *testing.T) {
	bubble(t, func(t *testing.T, c *Crew) {
		c.room = 64
		for range 2 * c.room {
			left := 100
			var m *Mailbox
			m = box(c, func(any) {
				time.Sleep(tick / 2)
				if left--; left > 0 {
					m.PostUserMessage(1)
				}
			})
			m.PostUserMessage(1)
		}
		active := func() int {
			c.mu.Lock()
			defer c.mu.Unlock()
			return len(c.active)
		}
		synctest.Wait()
		require.Equal(t, 64, active())
		time.Sleep(10 * calm * tick)
		require.Equal(t, runtime.GOMAXPROCS(0), active())
	})
}

func TestWorkerThatWasWrittenOffParks(t *testing.T) {
	c := NewCrew()
	c.ready.push(job(func() {}))
	require.False(t, c.take(&worker{crew: c, wake: make(chan struct{}, 1), at: -1}), "the queue is for the active ones")
	c.mu.Lock()
	require.Len(t, c.parked, 1)
	c.mu.Unlock()
}

func TestWatchNeedsThreeLooks(t *testing.T) {
	bubble(t, func(t *testing.T, c *Crew) {
		open := make(chan struct{})
		m := box(c, func(any) { <-open })
		m.PostUserMessage(1)
		synctest.Wait()
		for range 2 {
			c.look()
			require.Zero(t, owes(m))
		}
		require.True(t, m.hurry.Load(), "the second look asks")
		c.look()
		require.NotZero(t, owes(m))
		require.Empty(t, c.active)
		close(open)
	})
}

func TestWatchDoesNotBlameAWorkerThatHasNotBegun(t *testing.T) {
	single(t)
	bubble(t, func(t *testing.T, c *Crew) {
		handled := false
		m := c.Mailbox().(*Mailbox)
		m.RegisterHandlers(invoke(func(any) { handled = true }), nil)
		m.started, m.scheduled = true, true
		m.user.push(1)
		c.mu.Lock()
		c.ready.push(m)
		w := c.hire()
		c.mu.Unlock()
		for range 10 {
			c.look()
		}
		require.Equal(t, []*worker{w}, c.active)
		w.rouse()
		synctest.Wait()
		require.True(t, handled)
	})
}

func TestLongSliceOfQuickMessagesIsNotBlocking(t *testing.T) {
	bubble(t, func(t *testing.T, c *Crew) {
		n := 0
		m := box(c, func(any) { n++; time.Sleep(tick / 4) })
		for range slice {
			m.PostUserMessage(1)
		}
		time.Sleep(slice * tick)
		synctest.Wait()
		require.Equal(t, slice, n)
		require.Zero(t, owes(m))
	})
}
