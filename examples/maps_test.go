package examples

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestREADMEsNameTheFiles checks that a package's README, which is the way through it, names every file of
// the package. Of those that differ by system or build tag, after an underscore, one is enough.
func TestREADMEsNameTheFiles(t *testing.T) {
	for _, folder := range []string{"frame", "pipeline", "actors", "actors/dispatch", "actors/transport", "sockets"} {
		folder = filepath.Join(root, filepath.FromSlash(folder))
		page, err := os.ReadFile(filepath.Join(folder, "README.md"))
		require.NoError(t, err)
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
