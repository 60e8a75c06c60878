package examples

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestREADMEsAreMaps checks that a package's README, which is the way through it, names every file of the
// package, and no test that there is not. Of files that differ by system or build tag, after an underscore, one
// is enough.
func TestREADMEsAreMaps(t *testing.T) {
	tests, test := testNames(t), regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`")
	for _, folder := range []string{"frame", "pipeline", "actors", "actors/dispatch", "actors/handlers", "actors/httpclient", "actors/transport", "sockets"} {
		folder = filepath.Join(root, filepath.FromSlash(folder))
		page, err := os.ReadFile(filepath.Join(folder, "README.md"))
		require.NoError(t, err)
		for _, m := range test.FindAllStringSubmatch(string(page), -1) {
			assert.True(t, tests[m[1]], "%s/README.md names %s, which there is not", folder, m[1])
		}
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		require.NotEmpty(t, files)
		for _, file := range files {
			name := filepath.Base(file)
			if name == "doc.go" || strings.HasSuffix(name, "_test.go") {
				continue
			}
			stem, _, _ := strings.Cut(strings.TrimSuffix(name, ".go"), "_")
			named := strings.Contains(string(page), "`"+stem+".go`") || strings.Contains(string(page), "`"+stem+"_")
			assert.True(t, named, "%s/README.md does not say what %s is for", folder, name)
		}
	}
}
