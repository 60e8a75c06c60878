package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A short one, with everything in it.
func TestSoak(t *testing.T) {
	for _, portable := range []bool{false, true} {
		var out bytes.Buffer
		err := run(context.Background(), config{
			conns: 100, time: 500 * time.Millisecond, pause: 20 * time.Millisecond, message: 200 * time.Millisecond, every: 100 * time.Millisecond, seed: 1, portable: portable, out: &out,
		})
		require.NoError(t, err, out.String())
		assert.Contains(t, out.String(), "back at the baseline")
	}
}

// Peers that never read, in this process.
func TestNonReading(t *testing.T) {
	for _, portable := range []bool{false, true} {
		var out bytes.Buffer
		err := nonReading(config{nonReading: 60, stall: time.Second, portable: portable, out: &out}, nonReadingPeers)
		require.NoError(t, err, out.String())
		assert.Contains(t, out.String(), "told Backpressure 60, Dropped 40")
		assert.Contains(t, out.String(), "Closed 60")
	}
}

// Whatever is left over is found.
func TestCensus(t *testing.T) {
	before := census{Census: harness.Census{Actors: 1, Goroutines: 2, Descriptors: 3}, heap: 4}
	assert.NoError(t, before.over(before, 9))
	assert.NoError(t, census{heap: 4 + 9}.over(before, 9))
	for _, more := range []census{{conns: 1}, {Census: harness.Census{Actors: 2}}, {Census: harness.Census{Goroutines: 3}}, {Census: harness.Census{Descriptors: 4}}, {heap: 4 + 10}} {
		assert.Error(t, more.over(before, 9), "%+v", more)
	}
}

// An echo that is wrong is a fault at any time, an end is one unless it is asked for.
func TestJudge(t *testing.T) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tt := range []struct {
		ctx   context.Context
		err   error
		fault bool
	}{
		{context.Background(), io.EOF, true},
		{context.Background(), mismatch(""), true},
		{over, io.EOF, false},
		{over, mismatch(""), true},
	} {
		w := newWorkload(config{}, nil)
		w.slot(0).judge(tt.ctx, "", tt.err)
		assert.Equal(t, tt.fault, w.faulty() != nil)
	}
}

func TestParse(t *testing.T) {
	c, err := parse([]string{"-conns", "10", "-time", "1h", "-seed", "3", "-portable"})
	require.NoError(t, err)
	assert.Equal(t, config{conns: 10, time: time.Hour, pause: 2 * time.Second, message: 3 * time.Second, stall: 10 * time.Second, every: 5 * time.Second, seed: 3, portable: true, out: c.out}, c)
	for _, args := range [][]string{{"-conns", "0"}, {"-conns", "1000000"}, {"-time", "0s"}, {"-time", "-1s"}, {"-pause", "0s"}, {"-nonreading", "-1"}, {"-peers", "a:1"}, {"more"}, {"-nosuch"}} {
		_, err := parse(args)
		assert.Error(t, err, "%s", args)
		assert.NotEqual(t, flag.ErrHelp, err)
	}
}
