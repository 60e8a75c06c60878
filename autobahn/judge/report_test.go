package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReadReport(t *testing.T) {
	dir := filepath.Join("testdata", "reports")
	r, err := readReport(dir)
	require.NoError(t, err)
	assert.Equal(t, verdicts{
		"1.1.1":  {"OK", "OK"},
		"1.1.10": {"OK", "WRONG CODE"},
		"7.1.6":  {"INFORMATIONAL", "INFORMATIONAL"},
		"12.1.1": {"ERROR", "FAILED"},
	}, r.verdicts)
	assert.Equal(t, filepath.Join(dir, "spindrift_case_1_1_1.html"), r.pages["1.1.1"])
	assert.Equal(t, filepath.Join(dir, "spindrift_case_7_1_6.json"), r.pages["7.1.6"], "there is no page")
}

func TestReadReportRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ index, want string }{
		"half a file":    {`{"spindrift": {`, "unexpected end of JSON input"},
		"another shape":  {`[]`, "cannot unmarshal"},
		"no closing":     {`{"a": {"1.1.1": {"behavior": "OK"}}}`, "no verdict for case 1.1.1 of a"},
		"a case of both": {`{"a": {"1.1.1": {"behavior": "OK", "behaviorClose": "OK"}}, "b": {"1.1.1": {"behavior": "FAILED", "behaviorClose": "OK"}}}`, "case 1.1.1 is in it twice"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "index.json"), []byte(tt.index), 0o644))
			_, err := readReport(dir)
			assert.ErrorContains(t, err, tt.want)
		})
	}
	_, err := readReport(t.TempDir())
	assert.ErrorIs(t, err, os.ErrNotExist)
}

func TestVerdictString(t *testing.T) {
	assert.Equal(t, "OK", verdict{"OK", "OK"}.String())
	assert.Equal(t, "NON-STRICT, close OK", verdict{"NON-STRICT", "OK"}.String())
	assert.Equal(t, "no verdict", verdict{}.String())
}
