package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// Messages count: in pieces or not, and no control frames.
func TestRateLimit(t *testing.T) {
	failed := 0
	var over any
	onUp, _ := RateLimit(3, time.Second)(func(any) {}, func(item any) {
		switch m := item.(type) {
		case *frame.Error:
			require.Equal(t, frame.PolicyViolation, m.Code)
			failed++
		case *pipeline.After:
			require.Equal(t, time.Second, m.Delay)
			over = m.Event
		}
	})
	three := func() {
		onUp(frame.Text("whole"))
		onUp(frame.Fragment(frame.OpText, false, []byte("in ")))
		for range 10 {
			onUp(frame.Ping(nil))
			onUp(frame.Pong(nil))
			onUp(frame.Fragment(frame.OpContinuation, false, []byte("many ")))
		}
		onUp(frame.Fragment(frame.OpContinuation, true, []byte("pieces")))
		onUp(frame.Fragment(frame.OpBinary, true, nil))
	}
	three()
	require.Zero(t, failed)
	onUp(over)
	three()
	require.Zero(t, failed)
	onUp(frame.Text("one more"))
	require.Equal(t, 1, failed)
}
