package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPrintTable(t *testing.T) {
	r, err := readReport(filepath.Join("testdata", "reports"))
	require.NoError(t, err)
	want, err := os.ReadFile(filepath.Join("testdata", "table.txt"))
	require.NoError(t, err)

	var got bytes.Buffer
	printTable(&got, "server: 5 cases", []string{"1.1.1", "1.1.10", "7.1.6", "12.1.1", "12.1.2"}, r.verdicts)
	assert.Equal(t, string(want), got.String())
}
