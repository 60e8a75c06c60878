package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the page for users of gorilla says of the length of gorilla's own chat is counted in the
// module that this one talks with.
func TestLengthOfGorillasChat(t *testing.T) {
	page, err := os.ReadFile("../../../docs/from-gorilla.md")
	require.NoError(t, err)
	said := regexp.MustCompile(`\((v[\d.]+)\) are (\d+) and (\d+)`).FindSubmatch(page)
	require.NotNil(t, said)
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Version}} {{.Dir}}", "github.com/gorilla/websocket").Output()
	require.NoError(t, err)
	version, dir, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	require.Equal(t, string(said[1]), version)
	lines, code := 0, 0
	for _, name := range []string{"client.go", "hub.go", "main.go"} {
		source, err := os.ReadFile(filepath.Join(dir, "examples", "chat", name))
		require.NoError(t, err)
		for line := range strings.Lines(string(source)) {
			lines++
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "//") {
				code++
			}
		}
	}
	require.Equal(t, string(said[2]), strconv.Itoa(lines))
	require.Equal(t, string(said[3]), strconv.Itoa(code))
}
