package examples

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shownElsewhere are exported types of package sockets without an Example of their own, and the Example that has them.
var shownElsewhere = map[string]string{
	"Options": "SessionHandler", "DrainOptions": "Server", "DrainResult": "Server", "UpgradeServer": "Handler", "Upgraded": "Handler",
	"Refusal": "Handler", "Closed": "CloseError", "Side": "CloseError", "Dialer": "DialOptions", "Reconnect": "Reconnecting",
	"Disconnected": "Reconnecting", "Incoming": "IncomingOf", "Message": "IncomingOf", "Resume": "Pause", "Flushed": "Flush",
	"Leave": "Flush", "Drained": "Backpressure", "Dropped": "Backpressure", "Room": "NewRoom", "RoomOptions": "LocalRoom",
	"Observed": "Observer", "Handshake": "Observer", "Refused": "Observer", "Traffic": "Observer", "Stats": "Counters",
	"Rates": "Counters", "RoundTrips": "Counters",
}

// without are those that need none: what they are is one line.
var without = map[string]string{
	"Cut": "no fields", "Policy": "three constants", "Member": "what Room.Members tells", "RoomStats": "counts", "GetOptions": "a question",
	"ProxyError": "as HandshakeError", "UnfinishedError": "an io.ErrUnexpectedEOF",
}

// TestExamples checks that pkg.go.dev shows an Example for what a user touches first: the types of
// package sockets. A few may be missing while they are new.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../sockets/*.go")
	require.NoError(t, err)
	examples, types := map[string]bool{}, map[string]bool{}
	example := regexp.MustCompile(`^Example([A-Z]\w*?)(_.*)?$`)
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		test := strings.HasSuffix(name, "_test.go")
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if m := example.FindStringSubmatch(d.Name.Name); test && m != nil {
					examples[m[1]] = true
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if s, ok := s.(*ast.TypeSpec); ok && s.Name.IsExported() && !test {
						types[s.Name.Name] = true
					}
				}
			}
		}
	}
	var missing []string
	for name := range types {
		if by, ok := shownElsewhere[name]; ok {
			assert.True(t, examples[by], "Example%s, which shows %s, is gone", by, name)
		} else if without[name] == "" && !examples[name] {
			missing = append(missing, name)
		}
	}
	assert.LessOrEqual(t, len(missing), 5, "no Example of %v: write one for each, or say here which shows it", missing)
}
