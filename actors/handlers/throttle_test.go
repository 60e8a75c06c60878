package handlers

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// However often a handler panics, its connections are told now and then only: at once, and
// then no oftener than so.
func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var r throttle
		told := 0
		sum := func() int {
			mu.Lock()
			defer mu.Unlock()
			n := told
			told = 0
			return n
		}
		panics := func(n int, every time.Duration) {
			for range n {
				mu.Lock()
				r.call(survivedEvery, time.Now(), &mu, func() { told++ })
				mu.Unlock()
				time.Sleep(every)
			}
		}
		panics(1, 0)
		require.Equal(t, 1, sum(), "the first at once")
		panics(1000, time.Millisecond)
		time.Sleep(survivedEvery)
		assert.InDelta(t, 10, sum(), 1)
		panics(10, 2*survivedEvery)
		assert.Equal(t, 10, sum())
		panics(2, 0)
		mu.Lock()
		r.stop()
		mu.Unlock()
		sum()
		time.Sleep(time.Minute)
		require.Zero(t, sum(), "a handler without connections")
	})
}
