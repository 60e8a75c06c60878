package examples

import (
	"go/ast"
	"go/parser"
	"go/token"
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

// TestTopLevel checks that the root has the folders that CONTRIBUTING.md lists, no
// others, and no files but these.
func TestTopLevel(t *testing.T) {
	files := []string{
		"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "SECURITY.md", "go.mod", "go.sum",
	}
	page, err := os.ReadFile(filepath.Join(root, "CONTRIBUTING.md"))
	require.NoError(t, err)
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		listed[m[1]] = true
		assert.DirExists(t, filepath.Join(root, filepath.FromSlash(m[1])), "CONTRIBUTING.md lists it")
	}
	entries, err := os.ReadDir(root)
	require.NoError(t, err)
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasPrefix(name, "."), slices.Contains([]string{".log", ".test", ".prof"}, filepath.Ext(name)):
			// a tool's, or left by one
		case e.IsDir():
			assert.True(t, listed[name], "the folder %s is not in the table of CONTRIBUTING.md", name)
		default:
			assert.Contains(t, files, name, "a file at the top that nobody expects there")
		}
	}
}

// sleepers are the test files that sleep in real time, and why. Where a test imports
// testing/synctest its time is virtual, and a sleep is an event like others.
var sleepers = map[string]string{
	"actors/harness_test.go":                   "polls with growing pauses for what no event tells: counts of goroutines and descriptors",
	"actors/pools_test.go":                     "a handler that takes its time",
	"actors/shutdownmonitor_test.go":           "what is looked at by an interval must not have been looked at in between",
	"actors/transport/keyupdate_linux_test.go": "polls for the end of what the kernel still takes",
	"sockets/blocking_unix_test.go":            "net/http waits in a read meanwhile, which nothing shows",
	"sockets/clientanswer_test.go":             "a server that trickles its answer",
	"sockets/clientexchange_test.go":           "a server that answers late",
	"sockets/callbacks_test.go":                "lets a goroutine begin to wait, which nothing shows",
	"sockets/conn_test.go":                     "readers and peers that take their time",
	"sockets/rooms/bench_test.go":              "members have the processors while nothing may be said",
	"sockets/rooms/ears_test.go":               "nothing tells when one node knows of another",
	"sockets/delivery_test.go":                 "a handler that takes its time",
	"autobahn/judge/trial_test.go":             "waits for a file of another process",
	"sockets/answers_test.go":                  "listeners that answer late; time limits of net/http, which are real time",
	"sockets/caps_test.go":                     "polls for a place that another goroutine gives back",
	"sockets/ending_test.go":                   "a peer that reads slowly",
	"sockets/harness_test.go":                  "polls with growing pauses for what no event tells: counts of goroutines and descriptors",
	"sockets/idle_linux_test.go":               "a benchmark: workers that are parked leave before memory is measured",
	"sockets/message_test.go":                  "readers that take their time",
	"sockets/overflow_test.go":                 "waits until the kernel's buffers are full, which nobody tells",
	"sockets/panics_test.go":                   "handlers that take their time",
	"sockets/remote/harness_test.go":           "polls with growing pauses for what no event tells: counts of another node",
	"sockets/remote/process_test.go":           "a process is to be frozen for longer than all that anybody waits",
	"sockets/send_test.go":                     "lets a goroutine begin to wait, which nothing shows",
	"sockets/serveends_test.go":                "lets both sides of Serve begin to wait, which nothing shows",
	"sockets/shutdown_test.go":                 "a handler that takes its time",
	"sockets/strangers_test.go":                "strangers who come one after another, at a pace",
}

// TestSleep checks that no other test sleeps: one that sleeps for luck fails on a
// machine that is busy, and is slow on all.
func TestSleep(t *testing.T) {
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "tools") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, "_test.go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		short := strings.TrimPrefix(filepath.ToSlash(name), root+"/")
		sleep := sleeps(fset, f)
		if sleep != "" {
			assert.NotEmpty(t, sleepers[short], "%s: a test that sleeps in real time: wait for what it is about, or use testing/synctest, "+
				"or say why in sleepers (examples/layout_test.go)", sleep)
		}
		return nil
	})
	require.NoError(t, err)
}

// sleeps is where a file sleeps in real time; "": nowhere.
func sleeps(fset *token.FileSet, f *ast.File) (at string) {
	timeName := localName(source{File: f}, "time")
	if timeName == "" || localName(source{File: f}, "testing/synctest") != "" {
		return ""
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == "Sleep" {
			if x, ok := s.X.(*ast.Ident); ok && x.Name == timeName {
				at = fset.Position(s.Pos()).String()
			}
		}
		return true
	})
	return at
}

// The test of the test.
func TestSleeps(t *testing.T) {
	for code, want := range map[string]bool{
		"import \"time\"\nfunc f() { time.Sleep(1) }":                         true,
		"import clock \"time\"\nvar f = clock.Sleep":                          true,
		"import \"time\"\nvar d = time.Second":                                false,
		"import (\"testing/synctest\"; \"time\")\nfunc f() { time.Sleep(1) }": false,
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "a.go", "package a\n"+code, 0)
		require.NoError(t, err)
		assert.Equal(t, want, sleeps(fset, f) != "", code)
	}
}
