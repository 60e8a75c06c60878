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
	system := actor.NewActorSystem()
	before := Count(system, 0)
	assert.False(t, before.More(before))

	pid, err := system.Root.SpawnNamed(actor.PropsFromFunc(func(actor.Context) {}), "somebody")
	require.NoError(t, err)
	assert.Greater(t, Count(system, 0).Actors, before.Actors)
	assert.Contains(t, Left(system), "actor somebody")
	system.Root.StopFuture(pid).Wait()

	end := make(chan struct{})
	go func() { <-end }()
	assert.Greater(t, Count(system, 0).Goroutines, before.Goroutines)
	assert.Equal(t, Count(system, 0).Goroutines-1, Count(system, 1).Goroutines)
	close(end)

	if before.Descriptors > 0 {
		f, err := os.Open(os.DevNull)
		require.NoError(t, err)
		assert.Equal(t, before.Descriptors+1, Count(system, 0).Descriptors)
		f.Close()
	}
	assert.True(t, Until(10*time.Second, func() bool { return !Count(system, 0).More(before) }))
	for _, more := range []Census{{Goroutines: 1}, {Descriptors: 1}, {Actors: 1}} {
		assert.True(t, more.More(Census{}), "%+v", more)
	}
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
