package dispatch

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Goroutines that turns have woken go first, so that what they answer is handled in one go: on one core, where each would
// otherwise bring the worker back before the next one. Now and then Go's scheduler prefers the worker, so there are rounds.
func TestWorkerYields(t *testing.T) {
	const sessions, rounds = 20, 10
	single(t)
	best := 0
	for range rounds {
		bubble(t, func(t *testing.T, d *Dispatcher) { best = max(best, answeredTogether(t, d, sessions)) })
	}
	require.Greater(t, best, sessions/2)
}

// answeredTogether has a turn wake sessions, and returns how many of them had answered when the first answer was handled.
func answeredTogether(t *testing.T, d *Dispatcher, sessions int) (together int) {
	var answered atomic.Int32
	handled := 0
	answers := box(d, func(any) {
		if handled++; handled == 1 {
			together = int(answered.Load())
		}
	})
	wake := make([]chan bool, sessions)
	for i := range wake {
		wake[i] = make(chan bool, 1)
		go func() {
			<-wake[i]
			answered.Add(1)
			answers.PostUserMessage(i)
		}()
	}
	synctest.Wait() // all of them wait
	reads := box(d, func(m any) { wake[m.(int)] <- true })
	for i := range sessions {
		reads.PostUserMessage(i)
	}
	synctest.Wait()
	require.Equal(t, sessions, handled)
	return together
}

// A worker that had to wait long for a core does not wait for it again soon.
func TestWorkerYieldsNoMoreWhereSomebodyComputes(t *testing.T) {
	single(t)
	d := New()
	w := &worker{group: d.groups[0], lane: (*d.groups[0].lanes.Load())[0]}
	require.False(t, w.yield(), "another core is free")
	w.group.idle.Store(0)
	for w.yieldsToSkip == 0 { // until it is the other's turn first
		go func() {
			for began := time.Now(); time.Since(began) < 5*tick; {
			}
		}()
		require.True(t, w.yield())
	}
	for range skippedYields {
		require.False(t, w.yield())
	}
	require.True(t, w.yield())
	w.lane = nil
	require.False(t, w.yield(), "nothing is put where it would look")
}

// What a large message wakes goes ahead of what waits, and so does who is answered; the third waits as usual.
func TestLargeGoesAhead(t *testing.T) {
	single(t)
	bubble(t, func(t *testing.T, d *Dispatcher) {
		var order []string
		var conn, handler, third *Mailbox
		other := box(d, func(m any) { order = append(order, m.(string)) })
		third = box(d, func(any) { order = append(order, "third") })
		handler = box(d, func(any) {
			order = append(order, "handler")
			conn.PostUserMessage("answer")
		})
		conn = box(d, func(m any) {
			order = append(order, m.(string))
			if m == "answer" {
				third.PostUserMessage(1)
				return
			}
			other.PostUserMessage("other")
			conn.Ahead()
			handler.PostUserMessage(1)
		})
		conn.PostUserMessage("message")
		synctest.Wait()
		require.Equal(t, []string{"message", "handler", "answer", "other", "third"}, order)
	})
}

// A goroutine that a large message wakes answers before what waits is handled. Now and then Go's scheduler prefers the worker.
func TestLargeGoesAheadThroughAGoroutine(t *testing.T) {
	single(t)
	ahead := 0
	for range 10 {
		bubble(t, func(t *testing.T, d *Dispatcher) {
			var order []string
			wake := make(chan bool, 1)
			other := box(d, func(any) { order = append(order, "other") })
			var conn *Mailbox
			conn = box(d, func(m any) {
				order = append(order, m.(string))
				if m == "message" {
					other.PostUserMessage(1)
					conn.Ahead()
					wake <- true
				}
			})
			go func() {
				<-wake
				conn.PostUserMessage("answer")
			}()
			synctest.Wait()
			conn.PostUserMessage("message")
			synctest.Wait()
			require.Len(t, order, 3)
			if order[1] == "answer" {
				ahead++
			}
		})
	}
	require.Greater(t, ahead, 5)
}
