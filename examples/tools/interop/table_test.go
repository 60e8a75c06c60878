package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func sample() *table {
	r := &run{out: io.Discard}
	a, b := r.row("a"), r.row("b")
	a.done("text", nil)
	a.cannot("ping", "a page cannot")
	b.done("text", errors.New("no echo"))
	b.cannot("ping", "a page cannot")
	c := r.row("c").skip(errors.New("node is not installed"))
	return &table{title: "Peers", corner: "peer", columns: []string{"text", "ping"}, rows: []*row{a, b, c}}
}

func TestMarkdown(t *testing.T) {
	var out bytes.Buffer
	sample().markdown(&out)
	assert.Equal(t, `## Peers

| peer | text | ping |
| --- | :-: | :-: |
| a | ✓ | - [1] |
| b | ✗ [2] | - [1] |
| c [3] |  |  |

1. a page cannot
2. b, text: no echo
3. skipped: node is not installed

`, out.String())
}

func TestResults(t *testing.T) {
	dir := t.TempDir()
	r := &run{out: io.Discard}
	assert.EqualError(t, r.results(dir, []*table{sample()}), "1 cells are bad")
	assert.EqualError(t, r.results(dir, []*table{{}}), "nothing has run")
	good := sample()
	good.rows = good.rows[:1]
	require.NoError(t, r.results(dir, []*table{good}))
	file, err := os.ReadFile(filepath.Join(dir, "results.md"))
	require.NoError(t, err)
	assert.Contains(t, string(file), "| a | ✓ | - [1] |")
}

func TestFlags(t *testing.T) {
	r := &run{}
	dir, err := r.parse([]string{"-peers", "node,nginx", "-cases", "text, slow", "-out", "there"})
	require.NoError(t, err)
	assert.Equal(t, "there", dir)
	assert.True(t, r.peers.has("node") && r.peers.has("nginx") && !r.peers.has("gorilla"))
	assert.True(t, r.cases.has("text") && r.cases.has("slow") && !r.cases.has("page"))

	_, err = new(run).parse([]string{"-cases", "telepathy"})
	assert.ErrorContains(t, err, `"telepathy" is none of text, `)
	_, err = new(run).parse([]string{"node"})
	assert.EqualError(t, err, `unexpected argument "node"`)
	assert.True(t, new(choice).has("anything"))
}

// A run of some cases keeps the tables of the others.
func TestResultsAreKept(t *testing.T) {
	dir := t.TempDir()
	one, other := sample(), sample()
	one.title, other.title = "One", "Other"
	for _, x := range []*table{one, other} {
		x.rows = x.rows[:1]
	}
	r := &run{out: io.Discard}
	require.NoError(t, r.results(dir, []*table{one, other}))
	first, err := os.ReadFile(filepath.Join(dir, "results.md"))
	require.NoError(t, err)
	require.Contains(t, string(first), "## One\n")
	other.rows[0].name = "anew"
	require.NoError(t, r.results(dir, []*table{{title: "One"}, other}))
	second, err := os.ReadFile(filepath.Join(dir, "results.md"))
	require.NoError(t, err)
	assert.Equal(t, section(string(first), "One"), section(string(second), "One"))
	assert.Contains(t, section(string(second), "Other"), "| anew |")
	assert.Empty(t, section(string(second), "None"))

	some := sample()
	some.partial = true
	assert.False(t, some.complete())
}
