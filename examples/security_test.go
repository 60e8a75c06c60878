package examples

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestSECURITY checks that every attack of the threat model names tests, and that
// there is a test of each name.
func TestSECURITY(t *testing.T) {
	page, err := os.ReadFile("../SECURITY.md")
	require.NoError(t, err)
	tests := testNames(t)
	name := regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`")
	rows := 0
	for line := range strings.Lines(string(page)) {
		names := name.FindAllStringSubmatch(line, -1)
		for _, m := range names {
			assert.True(t, tests[m[1]], "SECURITY.md names %s, which there is not", m[1])
		}
		if strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| attack") && !strings.HasPrefix(line, "| ---") {
			rows++
			assert.NotEmpty(t, names, "no test shows: %s", line)
		}
	}
	assert.Greater(t, rows, 30)
}

// testNames are the tests, benchmarks and examples of all modules here.
func testNames(t *testing.T) map[string]bool {
	names, err := declaredTests()
	require.NoError(t, err)
	return names
}

// declaredTests looks for them once.
var declaredTests = sync.OnceValues(func() (map[string]bool, error) {
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Benchmark)[A-Z]\w*|Example\w*)\((?:\w+ \*testing\.[TFB])?\)`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && strings.HasPrefix(d.Name(), ".") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(source, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	return names, err
})
