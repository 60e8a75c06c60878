package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestKosokuCommand(t *testing.T) {
	k := &kosoku{environment: "env", parallel: 4}
	j := job{addr: "127.0.0.1:4000", dir: "out", cases: []string{"1.1.1", "6.4.2"}}

	cmd, err := k.fuzzServer(t.Context(), j)
	require.NoError(t, err)
	assert.Equal(t, k.interpreter(), cmd.Path)
	assert.Equal(t, []string{"-m", "fuzzingclient", "-p", "4", "--outdir", "out", "-i", "1.1.1", "-i", "6.4.2", "127.0.0.1:4000"}, cmd.Args[3:])

	j.cases = nil
	cmd, err = k.fuzzClient(t.Context(), j)
	require.NoError(t, err)
	assert.Equal(t, []string{"-m", "fuzzingserver", "--outdir", "out", "127.0.0.1:4000"}, cmd.Args[3:])
}

func TestKosokuNeedsPython(t *testing.T) {
	k := &kosoku{python: filepath.Join(t.TempDir(), "nowhere"), environment: t.TempDir(), requirements: "../requirements.txt"}
	assert.ErrorContains(t, k.prepare(t.Context()), "does not run here: install Python 3.10 or newer")

	k.python = script(t, "echo 3.9 False")
	assert.EqualError(t, k.prepare(t.Context()), k.python+" is Python 3.9: kosoku needs 3.10 or newer, name one with -python")

	k.python = script(t, `[ "$1" = -c ] && echo 3.12 True || { echo first; echo "No module named venv"; exit 1; }`)
	assert.ErrorContains(t, k.prepare(t.Context()), "-m venv: exit status 1: No module named venv")
}
