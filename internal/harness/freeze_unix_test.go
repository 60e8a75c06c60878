//go:build unix

package harness

import (
	"io"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What was written to a frozen process is not answered, however soon after.
func TestFreeze(t *testing.T) {
	c := exec.Command("cat")
	in, err := c.StdinPipe()
	require.NoError(t, err)
	out, err := c.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	defer c.Wait()
	defer c.Process.Kill()
	require.NoError(t, Freeze(c.Process))
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		out.Read(make([]byte, 1))
	}()
	io.WriteString(in, "hello")
	select {
	case <-answered:
		require.FailNow(t, "it goes on")
	case <-time.After(50 * time.Millisecond):
	}
}
