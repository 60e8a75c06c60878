package answering

import (
	"bytes"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What nobody waits for is known by what it reads, as long as io.NopCloser shows it; anything
// else is watched while it is read.
func TestInMemory(t *testing.T) {
	for _, r := range []io.Reader{strings.NewReader("x"), bytes.NewReader(nil), new(bytes.Buffer)} {
		require.True(t, inMemory(io.NopCloser(r)), "%T", r)
	}
	piped, _ := io.Pipe()
	for _, r := range []io.Reader{piped, os.Stdin, io.LimitReader(piped, 1), io.MultiReader(strings.NewReader("x")), io.NopCloser(strings.NewReader("x")), nil} {
		require.False(t, inMemory(io.NopCloser(r)), "%T", r)
	}
	require.False(t, inMemory(piped))
	require.False(t, inMemory(nil))
}
