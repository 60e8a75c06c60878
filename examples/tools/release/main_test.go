package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReleased(t *testing.T) {
	for mod, ok := range map[string]bool{
		"module a\n\nrequire " + root + " v0.1.0\n":                            true,
		"module a\n\nrequire " + root + " v0.0.0\n":                            false,
		"module a\n\nrequire (\n\t" + root + "/sockets/remote v0.0.0\n)\n":     false,
		"module a\n\nrequire example.com/b v0.0.0-20240101000000-abcdefabcd\n": true,
		"module a\n\nreplace " + root + " => ../..\n":                          false,
	} {
		assert.Equal(t, ok, released(mod) == nil, mod)
	}
}

func TestInOrder(t *testing.T) {
	tree := t.TempDir()
	for dir, mod := range map[string]string{
		".":              "module " + root + "\n",
		"sockets/remote": "module " + root + "/sockets/remote\n\nrequire (\n\t" + root + " v0.0.0\n\t" + root + "/sockets/rooms v0.0.0\n)\n",
		"sockets/rooms":  "module " + root + "/sockets/rooms\n\nrequire " + root + " v0.0.0\n",
		"examples/tools": "module " + root + "/examples/tools\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Join(tree, dir), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(tree, dir, "go.mod"), []byte(mod), 0o644))
	}
	dirs, err := imported(tree)
	require.NoError(t, err)
	assert.Equal(t, []string{".", "sockets/rooms", "sockets/remote"}, dirs)
}

// What a commit of work has, a release has not.
func TestNestedModulesReplaceAsTheyShould(t *testing.T) {
	dirs, err := imported("../../..")
	require.NoError(t, err)
	assert.Equal(t, ".", dirs[0])
	for _, dir := range dirs[1:] {
		mod, err := os.ReadFile(filepath.Join("../../..", dir, "go.mod"))
		require.NoError(t, err)
		assert.Contains(t, string(mod), "replace "+root+" => ", dir)
	}
	mod, err := os.ReadFile("../../../go.mod")
	require.NoError(t, err)
	assert.NoError(t, released(string(mod)), "the main module replaces nothing, ever")
}
