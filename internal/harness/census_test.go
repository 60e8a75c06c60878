package harness

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCensus(t *testing.T) {
	none, one := func() int { return 0 }, func() int { return 1 }
	system := actor.NewActorSystem()
	before := Count(system, none)
	assert.False(t, before.More(before))

	pid, err := system.Root.SpawnNamed(actor.PropsFromFunc(func(actor.Context) {}), "somebody")
	require.NoError(t, err)
	assert.Greater(t, Count(system, none).Actors, before.Actors)
	assert.Contains(t, Left(system), "actor somebody")
	system.Root.StopFuture(pid).Wait()

	end := make(chan struct{})
	for range 10 { // more than may have been on their way before
		go func() { <-end }()
	}
	soon := func(what func() bool) bool { return Until(10*time.Second, what) } // proto.actor's goroutines come and go
	assert.True(t, soon(func() bool { return Count(system, none).Goroutines > before.Goroutines }))
	assert.True(t, soon(func() bool { return Count(system, none).Goroutines-1 == Count(system, one).Goroutines }))
	close(end)

	if before.Descriptors > 0 {
		f, err := os.Open(os.DevNull)
		require.NoError(t, err)
		assert.Equal(t, before.Descriptors+1, Count(system, none).Descriptors)
		f.Close()
	}
	assert.True(t, soon(func() bool { return !Count(system, none).More(before) }))
	for _, more := range []Census{{Goroutines: 1}, {Descriptors: 1}, {Actors: 1}} {
		assert.True(t, more.More(Census{}), "%+v", more)
	}
}

// A worker that goes between the two numbers counts as one, and would have a test expect one
// goroutine less than there was.
func TestCensusOfWorkersThatCome(t *testing.T) {
	system := actor.NewActorSystem()
	assert.True(t, Until(10*time.Second, func() bool {
		want := Count(system, func() int { return 0 }).Goroutines
		asked := 0
		return want == Count(system, func() int {
			if asked++; asked < 3 {
				return asked
			}
			return 0
		}).Goroutines
	}))
}

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		assert.False(t, Until(time.Second, func() bool { return false }))
		assert.GreaterOrEqual(t, time.Since(began), time.Second)
		n := 0
		assert.True(t, Until(time.Second, func() bool { n++; return n == 3 }))
	})
}
