package examples

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestREADME checks that the Go code of all pages, the READMEs of packages among them, is that of compiled
// examples: each block is what stands between two marks in one of them, and each marked piece is on a page.
func TestREADME(t *testing.T) {
	pieces := marked(t)
	shown := map[string]bool{}
	for name, page := range markdown(t) {
		for _, b := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(page, -1) {
			block := strings.TrimSpace(b[1])
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

// modulesOf lists the modules, besides ours, that packages are built from. Other systems need others.
func modulesOf(t *testing.T, packages ...string) []string {
	list := exec.Command("go", append([]string{"list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}@{{.Version}}{{end}}{{end}}"}, packages...)...)
	list.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64")
	out, err := list.Output()
	require.NoError(t, err)
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	return slices.Compact(modules)
}

// What make run fetches is what the echo server is built from, and make test fetches what else the tests are built from.
func TestREADMECountsModules(t *testing.T) {
	modules := modulesOf(t, "./echo")
	more := len(modulesOf(t, "-test", "../...")) - len(modules)
	out, err := exec.Command("go", append([]string{"mod", "download", "-json"}, modules...)...).Output()
	require.NoError(t, err, "where the modules are in the cache this fetches nothing")
	bytes := int64(0)
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var module struct{ Zip string }
		require.NoError(t, d.Decode(&module))
		zip, err := os.Stat(module.Zip)
		require.NoError(t, err)
		bytes += zip.Size()
	}
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	require.Contains(t, string(readme), fmt.Sprintf("fetches %d modules (%d MB)", len(modules), (bytes+5e5)/1e6))
	require.Contains(t, string(readme), fmt.Sprintf("fetches %d modules more", more))
}

// marked collects the pieces of the examples, those of packages among them, that a page shows.
func marked(t *testing.T) (pieces []string) {
	mark := regexp.MustCompile(`(?s)// start README (\w+)\n(.*?)// end README (\w+)\n`)
	files, err := filepath.Glob("*/*.go")
	require.NoError(t, err)
	more, err := filepath.Glob("../sockets/*/example*_test.go")
	require.NoError(t, err)
	for _, name := range append(files, more...) {
		source, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range mark.FindAllSubmatch(source, -1) {
			require.Equal(t, string(m[1]), string(m[3]), name)
			pieces = append(pieces, strings.TrimSpace(string(m[2])))
		}
	}
	return pieces
}
