package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestOriginalCommand(t *testing.T) {
	j := job{role: "client", addr: "127.0.0.1:4000", dir: t.TempDir()}
	cmd, err := original{}.fuzzClient(t.Context(), j)
	require.NoError(t, err)
	line := strings.Join(cmd.Args, " ")
	assert.Contains(t, line, " --publish 127.0.0.1:4000:4000 "+autobahnImage+" wstest --mode fuzzingserver ")
	assert.Contains(t, line, " --volume "+j.dir+":/reports ")
	assert.Equal(t, "ws://0.0.0.0:4000", readSpec(t, j).URL)
	assert.Equal(t, []string{"*"}, readSpec(t, j).Cases)

	j.cases = []string{"1.1.1"}
	cmd, err = original{}.fuzzServer(t.Context(), j)
	require.NoError(t, err)
	assert.Contains(t, strings.Join(cmd.Args, " "), autobahnImage+" wstest --mode fuzzingclient ")
	spec := readSpec(t, j)
	assert.Equal(t, []string{"1.1.1"}, spec.Cases)
	require.Len(t, spec.Servers, 1)
	assert.True(t, strings.HasSuffix(spec.Servers[0].URL, ":4000"))
	assert.Empty(t, spec.URL)
}

func readSpec(t *testing.T, j job) (spec wstestSpec) {
	data, err := os.ReadFile(filepath.Join(j.dir, "wstest.json"))
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &spec))
	return spec
}
