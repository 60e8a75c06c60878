package sockets

import (
	"fmt"
	"go/ast"
	"go/format"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// go doc does not show what is behind an alias, so the comment of each has its fields, as
// they are where they are declared.
func TestAliasesShowTheirFields(t *testing.T) {
	files := token.NewFileSet()
	declared := map[string]string{} // of package pipeline, in one form
	for _, decl := range declarations(t, files, "../pipeline/*.go") {
		declared[decl.Name.Name] = source(t, files, decl)
	}
	shown := 0
	for _, decl := range declarations(t, files, "messages.go") {
		target, ok := decl.Type.(*ast.SelectorExpr)
		if !ok || !decl.Assign.IsValid() || fmt.Sprint(target.X) != "pipeline" {
			continue
		}
		want, ok := declared[target.Sel.Name]
		require.True(t, ok, target.Sel.Name)
		if !strings.Contains(want, "struct") {
			continue
		}
		shown++
		var block []string
		for _, line := range strings.Split(decl.Doc.Text(), "\n") {
			if rest, ok := strings.CutPrefix(line, "\t"); ok {
				block = append(block, rest)
			}
		}
		assert.Equal(t, fields(want), fields(strings.Join(block, "\n")), decl.Name.Name)
	}
	assert.GreaterOrEqual(t, shown, 6)
}

// fields is a struct's declaration without comments and space.
func fields(source string) string {
	source = regexp.MustCompile(`//[^\n]*`).ReplaceAllString(source, "")
	return strings.Join(strings.Fields(strings.TrimPrefix(source, "type ")), " ")
}

func source(t *testing.T, files *token.FileSet, decl *ast.TypeSpec) string {
	plain := *decl
	plain.Doc, plain.Comment = nil, nil
	var b strings.Builder
	require.NoError(t, format.Node(&b, files, &plain))
	return b.String()
}

// declarations are the types in some files, each with its comment.
func declarations(t *testing.T, files *token.FileSet, pattern string) (all []*ast.TypeSpec) {
	names, err := filepath.Glob(pattern)
	require.NoError(t, err)
	for _, name := range names {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		f, err := parser.ParseFile(files, name, text, parser.ParseComments)
		require.NoError(t, err)
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				spec := s.(*ast.TypeSpec)
				if spec.Doc == nil {
					spec.Doc = g.Doc
				}
				all = append(all, spec)
			}
		}
	}
	return all
}
