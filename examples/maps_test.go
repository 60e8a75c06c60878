package examples

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// products are the folders whose packages are the product, in all modules.
var products = []string{"frame", "pipeline", "actors", "sockets", "internal"}

// maplessPackages have no README of their own: the next one above names their files, and this is why.
var maplessPackages = map[string]string{
	"internal/":               "small packages, each a row of internal/README.md",
	"sockets/remote/wire":     "generated from a file that sockets/remote/README.md names",
	"sockets/remote/autobahn": "a program for one target of the Makefile",
}

// TestREADMEsAreMaps checks that each package of the product has a README, which is the way through it: it names every file of the
// package, and no file and no test that there is not. Of files that differ by system or build tag, after an underscore, one
// is enough.
func TestREADMEsAreMaps(t *testing.T) {
	packages := productPackages(t)
	for _, known := range []string{"frame", "pipeline/internal/inflate", "actors/tunnel", "sockets/remote", "internal/pool"} {
		require.Contains(t, packages, known)
	}
	pages := map[string]string{}
	for folder, files := range packages {
		page := folder
		for mapless := range maplessPackages {
			if folder == mapless || strings.HasSuffix(mapless, "/") && strings.HasPrefix(folder, mapless) {
				page = filepath.Dir(folder)
			}
		}
		source, err := os.ReadFile(filepath.Join(root, page, "README.md"))
		if !assert.NoError(t, err, "%s has no map", folder) {
			continue
		}
		pages[page] = string(source)
		within, err := filepath.Rel(page, folder)
		require.NoError(t, err)
		for _, name := range files {
			stem, _, _ := strings.Cut(strings.TrimSuffix(name, ".go"), "_")
			stem = filepath.ToSlash(filepath.Join(within, stem))
			named := strings.Contains(pages[page], "`"+stem+".go`") || strings.Contains(pages[page], "`"+stem+"_")
			assert.True(t, named, "%s/README.md does not say what %s/%s is for", page, folder, name)
		}
	}
	tests := testNames(t)
	test, file := regexp.MustCompile("`((?:Test|Fuzz|Benchmark)[A-Z]\\w*)`"), regexp.MustCompile("`([\\w./-]+\\.go)`")
	for folder, page := range pages {
		for _, m := range test.FindAllStringSubmatch(page, -1) {
			assert.True(t, tests[m[1]], "%s/README.md names %s, which there is not", folder, m[1])
		}
		for _, m := range file.FindAllStringSubmatch(page, -1) {
			_, here := os.Stat(filepath.Join(root, folder, m[1]))
			_, there := os.Stat(filepath.Join(root, m[1]))
			assert.True(t, here == nil || there == nil, "%s/README.md names %s, which there is not", folder, m[1])
		}
	}
}

// TestFilesAreShort checks that no file of the product and of the tools is too long to be one concern. Tests are
// tables, and may be; nobody reads what was generated.
func TestFilesAreShort(t *testing.T) {
	const most = 250
	checked := 0
	eachGoFile(t, []string{"."}, func(name string, source []byte) {
		checked++
		assert.LessOrEqual(t, strings.Count(string(source), "\n"), most, "%s: find the second concern in it, and give it a file", name)
	})
	require.Greater(t, checked, 300)
}

// productPackages are the folders of the product's packages, with their files: doc.go, which is the package's comment, is not among them.
func productPackages(t *testing.T) map[string][]string {
	packages := map[string][]string{}
	eachGoFile(t, products, func(name string, _ []byte) {
		folder, file := filepath.Split(name)
		folder = filepath.Clean(folder)
		packages[folder] = append(packages[folder], file)
	})
	for folder, files := range packages {
		packages[folder] = slices.DeleteFunc(files, func(file string) bool { return file == "doc.go" })
	}
	return packages
}

// eachGoFile calls f with the files of the folders and of those below, by their paths from the root, without tests and what was
// generated.
func eachGoFile(t *testing.T, folders []string, f func(name string, source []byte)) {
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, d fs.DirEntry, err error) error {
			name, _ := filepath.Rel(root, path)
			switch {
			case err != nil:
				return err
			case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
				return filepath.SkipDir
			case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
				return nil
			}
			source, err := os.ReadFile(path)
			if err == nil && !generated(source) {
				f(filepath.ToSlash(name), source)
			}
			return err
		})
		require.NoError(t, err)
	}
}

// generated reports whether a file says so, as go generate has it.
func generated(source []byte) bool {
	return regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`).Match(source)
}
