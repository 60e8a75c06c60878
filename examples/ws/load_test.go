package main

import (
	"context"
	"encoding/json"
	"net"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestLoad(t *testing.T) {
	url := server(t, func(ctx context.Context, c *sockets.Conn) error {
		if err := c.SendText(ctx, "welcome"); err != nil {
			return err
		}
		return echo(ctx, c)
	}, nil)
	for _, rate := range []string{"0", "200"} {
		var r result
		for _, d := range []string{"200ms", "1s", "5s"} { // a machine that does much else needs a while to begin
			status, out, errs := try(t, "", "load", "-c", "3", "-rate", rate, "-d", d, "-ramp", "0s", "-json", url)
			require.Equal(t, inOrder, status, errs)
			r = result{}
			if require.NoError(t, json.Unmarshal([]byte(out), &r)); r.Sent > 3 && r.Other == 3 {
				break
			}
		}
		assert.Greater(t, r.Sent, int64(3))
		assert.Equal(t, r.Sent, r.Answered)
		assert.EqualValues(t, 3, r.Other, "greetings are no answers")
		assert.Zero(t, r.Failed)
		assert.LessOrEqual(t, r.Latency.P50, r.Latency.Max)
		counted := int64(0)
		for _, row := range r.Histogram {
			counted += row.Count
		}
		assert.Equal(t, r.Answered, counted)
	}
	status, out, _ := try(t, "", "load", "-c", "2", "-d", "100ms", "-ramp", "0s", url)
	assert.Equal(t, inOrder, status)
	for _, want := range []string{"2 connections, 0 failed", "messages of 64 bytes sent", "p99.9", "█"} {
		assert.Contains(t, out, want)
	}
}

// What fails is counted by its kind, and is the status.
func TestLoadThatFails(t *testing.T) {
	url := server(t, func(ctx context.Context, c *sockets.Conn) error { return frame.Failure(frame.TryAgainLater, "full") }, nil)
	status, out, _ := try(t, "", "load", "-c", "3", "-d", "5s", "-ramp", "0s", url)
	assert.Equal(t, rejected, status)
	assert.Contains(t, out, "3 connections, 3 failed")
	assert.Contains(t, out, "     3 × closed by the server: 1013 (try again later) \"full\"")
}

// A server that does not answer is not waited for longer than -grace.
func TestLoadWithoutAnswers(t *testing.T) {
	url := server(t, func(ctx context.Context, c *sockets.Conn) error {
		for range c.Messages(ctx) {
		}
		return nil
	}, nil)
	status, out, _ := try(t, "", "load", "-c", "1", "-rate", "0", "-d", "50ms", "-ramp", "0s", "-grace", "50ms", url)
	assert.Equal(t, inOrder, status)
	assert.Contains(t, out, "1 messages of 64 bytes sent, 0 answered (0 a second), 1 not answered")
}

func TestHistogram(t *testing.T) {
	var h histogram
	assert.Zero(t, h.quantile(.5))
	for d := range 100_000 {
		h.add(time.Duration(d) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{.5: 50 * time.Millisecond, .99: 99 * time.Millisecond, 1: 99_999 * time.Microsecond} {
		assert.InEpsilon(t, want, h.quantile(q), .04, "%v", q)
	}
	for _, d := range []time.Duration{0, 1, 63, 64, 65, 1000, 1e9, 1<<63 - 1} {
		at := step(d)
		assert.LessOrEqual(t, d, upper(at))
		if at > 0 {
			assert.Greater(t, d, upper(at-1))
		}
	}
	assert.LessOrEqual(t, len(h.bars()), 18)
}

// Where nothing was measured there are no tables of zeros.
func TestLoadOnNobody(t *testing.T) {
	l, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	l.Close()
	status, out, _ := try(t, "", "load", "-c", "2", "-d", "1s", "-ramp", "0s", l.Addr().String())
	assert.Equal(t, unreached, status)
	assert.Contains(t, out, "2 connections, 2 failed")
	assert.NotContains(t, out, "handshake")
	assert.NotContains(t, out, "0.000")
}
