package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestREADME checks that the Go code of the README and of the pages in docs is that of compiled
// examples: each block is what stands between two marks in one of them, and each marked piece is on a page.
func TestREADME(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	pieces := marked(t)
	shown := map[string]bool{}
	for _, name := range append(pages, "../README.md") {
		page, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, b := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(page, -1) {
			block := strings.TrimSpace(string(b[1]))
			require.Contains(t, pieces, block, "%s: this block is in no example", name)
			shown[block] = true
		}
	}
	for _, piece := range pieces {
		require.True(t, shown[piece], "a marked piece is on no page: %.80s", piece)
	}
}

// The README is what somebody reads who has five minutes.
func TestREADMEIsShort(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	require.Less(t, strings.Count(string(readme), "\n"), 250, "long tables belong in docs")
}

// marked collects the pieces of the examples that a page shows.
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
