package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkSize prints what a program weighs on linux/amd64, and of how many modules it is besides its own: make figures.
func BenchmarkSize(b *testing.B) {
	least := filepath.Join(b.TempDir(), "main.go")
	require.NoError(b, os.WriteFile(least, []byte("package main\n\nimport \"net/http\"\n\nfunc main() { http.ListenAndServe(\":8080\", nil) }\n"), 0o666))
	for name, args := range map[string][]string{
		"session":          {"./session"},
		"session-stripped": {"-ldflags=-s -w", "./session"},
		"net-http":         {least},
	} {
		b.Run(name, func(b *testing.B) {
			program := filepath.Join(b.TempDir(), name)
			build := exec.Command("go", append([]string{"build", "-o", program}, args...)...)
			build.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
			out, err := build.CombinedOutput()
			require.NoError(b, err, "%s", out)
			file, err := os.Stat(program)
			require.NoError(b, err)
			list := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}{{end}}{{end}}", args[len(args)-1])
			list.Env = build.Env
			out, err = list.Output()
			require.NoError(b, err)
			modules := strings.Fields(string(out))
			slices.Sort(modules)
			b.ReportMetric(float64(file.Size()), "B")
			b.ReportMetric(float64(len(slices.Compact(modules))), "modules")
			b.ReportMetric(0, "ns/op")
		})
	}
}
