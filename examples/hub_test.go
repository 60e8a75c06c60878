package examples

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The hub is as long as the page for users of gorilla says.
func TestHubLength(t *testing.T) {
	page, err := os.ReadFile("../docs/from-gorilla.md")
	require.NoError(t, err)
	said := regexp.MustCompile(`(\d+) lines, (\d+) without comments and empty ones`).FindSubmatch(page)
	require.NotNil(t, said)
	source, err := os.ReadFile("hub/main.go")
	require.NoError(t, err)
	lines, code := 0, 0
	for line := range strings.Lines(string(source)) {
		lines++
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
			code++
		}
	}
	require.Equal(t, strconv.Itoa(lines), string(said[1]))
	require.Equal(t, strconv.Itoa(code), string(said[2]))
}
