// Package spindrift_test keeps the rooms of the module apart: who may import
// whom, and what the pure ones may not touch.
package examples

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/spindrift-go/spindrift/"

// rooms are the packages that each room may import of this module. A room is a directory with what is below it, apart from rooms of
// their own: frame <- pipeline <- actors <- sockets <- autobahn, examples. internal is open to all but frame
// and pipeline, internal/harness to tests and to what stands on top only.
var rooms = map[string][]string{
	"frame":             {},
	"pipeline":          {"frame"},
	"internal":          {},
	"internal/harness":  {"frame", "internal"},                                                                                                                        // of tests and tools: no package lists it
	"actors/dispatch":   {"internal"},                                                                                                                                 // it knows nothing of connections
	"actors/handlers":   {"actors/dispatch", "internal"},                                                                                                              // it knows connections by their mailboxes
	"actors/transport":  {"actors/dispatch", "internal"},                                                                                                              // it signals mailboxes, and does not know what for
	"actors/tunnel":     {"actors/transport"},                                                                                                                         // it is a net.Conn
	"actors/httpclient": {},                                                                                                                                           // it is about net/http
	"actors/answering":  {},                                                                                                                                           // it is about net/http
	"actors":            {"actors/answering", "actors/dispatch", "actors/handlers", "actors/httpclient", "actors/transport", "actors/tunnel", "pipeline", "internal"}, // not frame: it moves any item, and could run any protocol
	"sockets":           {"actors", "actors/answering", "actors/handlers", "actors/httpclient", "actors/httpclient", "actors/transport", "actors/tunnel", "pipeline", "frame", "internal"},

	"sockets/http2":      {},                   // what it imports would be initialised before it
	"sockets/sockettest": {"sockets", "frame"}, // what judges the rest asks nobody below for help
}

// roomOf is the room of a directory: the longest that contains it, or else its top directory.
func roomOf(dir string) string {
	for d := dir; d != "."; d = path.Dir(d) {
		if _, listed := rooms[d]; listed {
			return d
		}
	}
	top, _, _ := strings.Cut(dir, "/")
	return top
}

// outside is what the pure packages may import from elsewhere.
var outside = map[string][]string{
	"sockets/http2": {"os"},
	"frame":         {"bytes", "encoding/binary", "errors", "fmt", "math", "math/bits", "strconv", "strings", "sync", "sync/atomic", "unicode/utf8", "unsafe"},
	"pipeline": {"bytes", "cmp", "crypto/rand", "encoding/binary", "encoding/json", "errors", "fmt", "hash/maphash", "io", "iter", "math", "math/bits", "slices", "strconv", "strings",
		"sync", "sync/atomic", "time", "unicode/utf8", "github.com/klauspost/compress/flate"},
}

// clocks are what package time has besides durations and points in time.
var clocks = []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Sleep", "Tick"}

// source is a file that is no test.
type source struct {
	name string
	room string
	*ast.File
	fset *token.FileSet
}

func (s source) at(n ast.Node) string { return s.fset.Position(n.Pos()).String() }

func (s source) imports() (paths []string) {
	for _, spec := range s.Imports {
		p, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

// root is the module, seen from here.
const root = ".."

func sources(t *testing.T) []source {
	all, err := parsed()
	require.NoError(t, err)
	for room := range rooms {
		require.True(t, slices.ContainsFunc(all, func(s source) bool { return s.room == room }), "no sources in %s", room)
	}
	return all
}

// parsed are the files of the module that are no tests, parsed once.
var parsed = sync.OnceValues(func() (all []source, err error) {
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			_, nested := os.Stat(filepath.Join(name, "go.mod"))
			if name != root && (nested == nil || strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		room := roomOf(path.Dir(strings.TrimPrefix(filepath.ToSlash(name), root+"/")))
		all = append(all, source{name, room, f, fset})
		return nil
	})
	return all, err
})

func TestArrowsPointOneWay(t *testing.T) {
	for _, s := range sources(t) {
		allowed, listed := rooms[s.room]
		for _, p := range s.imports() {
			inner, ours := strings.CutPrefix(p, module)
			room := roomOf(inner)
			switch {
			case !ours || room == s.room:
			case listed:
				assert.Contains(t, allowed, room, "%s imports %s", s.name, p)
			default: // autobahn, examples and whatever else stands on top of sockets
				_, below := rooms[room]
				assert.True(t, below, "%s imports %s", s.name, p)
			}
		}
	}
}

// Pure: nothing in, nothing out but through the functions' own doors.
func TestFrameAndPipelineArePure(t *testing.T) {
	for _, s := range sources(t) {
		allowed, pure := outside[s.room]
		if !pure || strings.HasSuffix(s.name, "_on.go") { // of a debug build, which says where a mistake was made
			continue
		}
		for _, p := range s.imports() {
			if !strings.HasPrefix(p, module) {
				assert.Contains(t, allowed, p, "%s: a new import of a pure package is a question in review", s.name)
			}
		}
		for _, fault := range impure(s) {
			assert.Fail(t, fault)
		}
	}
}

// impure lists go statements, clocks, and of sync more than a pool's needs.
func impure(s source) (faults []string) {
	timeName := localName(s, "time")
	ast.Inspect(s.File, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			faults = append(faults, fmt.Sprintf("%s: a go statement", s.at(n)))
		case *ast.SelectStmt, *ast.SendStmt, *ast.ChanType:
			faults = append(faults, fmt.Sprintf("%s: a channel", s.at(n)))
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && timeName != "" && x.Name == timeName && slices.Contains(clocks, n.Sel.Name) {
				faults = append(faults, fmt.Sprintf("%s: a clock, time.%s", s.at(n), n.Sel.Name))
			}
		}
		return true
	})
	return faults
}

// localName is what a file calls an imported package; "": it does not.
func localName(s source, p string) string {
	for i, imported := range s.imports() {
		if imported != p {
			continue
		}
		if name := s.Imports[i].Name; name != nil {
			return name.Name
		}
		return path.Base(p)
	}
	return ""
}

// The test of the test: each fault is one that would be found.
func TestImpure(t *testing.T) {
	for code, want := range map[string]int{
		"import \"time\"\nvar d = time.Second":                        0,
		"import \"time\"\nvar now = time.Now()":                       1,
		"import clock \"time\"\nvar now = clock.Now":                  1,
		"import \"time\"\nfunc f() { time.Sleep(1) }":                 1,
		"func f() { go f() }":                                         1,
		"var c chan int":                                              1,
		"type t struct{}\nfunc (t) Now() {}\nfunc f(x t) { x.Now() }": 0,
	} {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "a.go", "package a\n"+code, 0)
		require.NoError(t, err)
		assert.Len(t, impure(source{File: f, fset: fset}), want, code)
	}
}
