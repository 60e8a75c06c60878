package examples

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPredecessors checks that each row of docs/predecessors.md names what shows it, and that
// there is an example or a test of each name.
func TestPredecessors(t *testing.T) {
	page, err := os.ReadFile("../docs/predecessors.md")
	require.NoError(t, err)
	tests := testNames(t)
	name := regexp.MustCompile("`((?:Test[A-Z]|Example)\\w*|make \\w+[^`]*)`")
	rows := 0
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| what |") || strings.HasPrefix(line, "| --- |") {
			continue
		}
		rows++
		shown := name.FindAllStringSubmatch(line, -1)
		assert.NotEmpty(t, shown, "nothing shows: %s", line)
		for _, m := range shown {
			if !strings.HasPrefix(m[1], "make ") {
				assert.True(t, tests[m[1]], "docs/predecessors.md names %s, which there is not", m[1])
			}
		}
	}
	assert.Greater(t, rows, 50)
}
