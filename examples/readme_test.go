package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestREADME checks that the Go code of the README is that of compiled examples:
// each block is what stands between two marks in one of them.
func TestREADME(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	pieces := marked(t)
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(readme, -1)
	require.NotEmpty(t, blocks)
	for _, b := range blocks {
		require.Contains(t, pieces, strings.TrimSpace(string(b[1])), "this block is in no example")
	}
	require.Len(t, blocks, len(pieces), "a marked piece is not in the README")
}

// marked collects the pieces of the examples that the README shows.
func marked(t *testing.T) (pieces []string) {
	mark := regexp.MustCompile(`(?s)// start README (\w+)\n(.*?)// end README (\w+)\n`)
	files, err := filepath.Glob("*/*.go")
	require.NoError(t, err)
	for _, name := range files {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range mark.FindAllSubmatch(source, -1) {
			require.Equal(t, string(m[1]), string(m[3]), name)
			pieces = append(pieces, strings.TrimSpace(string(m[2])))
		}
	}
	return pieces
}
