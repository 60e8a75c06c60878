package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestChild wants a child's own children to end with it: the sleep here keeps
// its standard output open.
func TestChild(t *testing.T) {
	c, err := start(t.Context(), ".", "sh", "-c", `sleep 1000 & read line; echo "\"$line\""; read end`)
	require.NoError(t, err)
	require.NoError(t, c.say("hello"))
	var said string
	require.NoError(t, c.hear(t.Context(), &said))
	assert.Equal(t, "hello", said)
	c.terminate()
	select {
	case <-c.ended:
	default:
		assert.Fail(t, "what it started is alive")
	}
	_, err = c.next(t.Context())
	assert.ErrorContains(t, err, "it ended")
}

func TestChildInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := command(ctx, ".", "sleep", "1000")
	assert.ErrorIs(t, err, context.Canceled)
}

func TestSlowStatistics(t *testing.T) {
	const head = "Seconds,Closed,Pending,Connected,Service Available\n"
	for _, c := range []struct{ name, lines, want string }{
		{"available", head + "0,0,1,0,30\n1,0,0,30,30\n", ""},
		{"not for a second", head + "0,0,1,0,30\n1,0,0,30,0\n2,0,0,30,30\n", "no service after 1 s"},
		{"empty", head, "slowhttptest has no statistics"},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "out.csv")
			require.NoError(t, os.WriteFile(name, []byte(c.lines), 0o600))
			if err := available(name); c.want == "" {
				assert.NoError(t, err)
			} else {
				assert.EqualError(t, err, c.want)
			}
		})
	}
	assert.NoError(t, noneLeft("Exit status:  No open connections left\n"))
	assert.Error(t, noneLeft("Exit status:  Hit test time limit\n"))
}
