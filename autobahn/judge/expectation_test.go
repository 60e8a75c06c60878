package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestExpectationRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "expected.json")
	want := verdicts{"1.2.10": {"OK", "UNCLEAN"}, "10.1.1": {"OK", "OK"}, "1.2.9": {"NON-STRICT", "OK"}}
	require.NoError(t, writeExpectation(path, want))

	got, err := readExpectation(path)
	require.NoError(t, err)
	assert.Equal(t, want, got)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, `{
  "1.2.9": ["NON-STRICT", "OK"],
  "1.2.10": ["OK", "UNCLEAN"],
  "10.1.1": ["OK", "OK"]
}
`, string(text))
}

func TestCompare(t *testing.T) {
	ok, bad := verdict{"OK", "OK"}, verdict{"OK", "UNCLEAN"}
	want := verdicts{"1.1.1": ok, "1.1.2": ok, "1.1.10": ok, "2.1": ok}
	got := verdicts{"1.1.1": ok, "1.1.10": bad, "3.1": ok}

	assert.Equal(t, []difference{
		{id: "1.1.2", want: ok},
		{id: "1.1.10", want: ok, got: bad},
		{id: "3.1", got: ok},
	}, compare(want, got, []string{"1.1.1", "1.1.2", "1.1.10"}))
	assert.Empty(t, compare(want, verdicts{"1.1.1": ok}, []string{"1.1.1"}))
	assert.Equal(t, []difference{{id: "2.1", want: ok, got: ok}}, compare(want, verdicts{"2.1": ok}, nil),
		"a case that nobody chose, even if it went well")
}

func TestUpdateKeepsTheOthers(t *testing.T) {
	ok, bad := verdict{"OK", "OK"}, verdict{"FAILED", "OK"}
	old := verdicts{"1.1.1": ok, "2.1": ok}
	assert.Equal(t, verdicts{"1.1.1": bad, "2.1": ok, "3.1": ok}, update(old, verdicts{"1.1.1": bad, "3.1": ok}))
	assert.Equal(t, verdicts{"1.1.1": ok, "2.1": ok}, old)
}

// The claim of this module, and the reason for the three exceptions: those cases set both of
// their verdicts to INFORMATIONAL whatever the peer does.
func TestCommittedExpectations(t *testing.T) {
	for _, role := range []string{"server", "client"} {
		expected, err := readExpectation(filepath.Join("..", "expected-"+role+".json"))
		require.NoError(t, err)
		assert.Len(t, expected, 517)
		for id, v := range expected {
			switch id {
			case "7.1.6", "7.13.1", "7.13.2":
				assert.Equal(t, verdict{"INFORMATIONAL", "INFORMATIONAL"}, v, "%s %s", role, id)
			default:
				assert.Equal(t, verdict{"OK", "OK"}, v, "%s %s", role, id)
			}
		}
	}
}
