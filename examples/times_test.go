package examples

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkTimes prints how many seconds targets take that a newcomer runs: make times. Those named first begin with nothing
// fetched and nothing compiled, but for make test, which finds the modules that make run has fetched.
func BenchmarkTimes(b *testing.B) {
	caches := []string{"GOMODCACHE=" + b.TempDir(), "GOCACHE=" + b.TempDir(), "GOFLAGS=-modcacherw -count=1"}
	program := filepath.Join(b.TempDir(), "echo")
	for _, target := range []struct {
		name string
		args []string
	}{
		{"run-first", []string{"go", "build", "-o", program, "./echo"}}, // what make run waits for
		{"run-again", []string{"go", "build", "-o", program, "./echo"}},
		{"test-first", []string{"make", "-C", "..", "test"}},
		{"test-again", []string{"make", "-C", "..", "test"}},
	} {
		b.Run(target.name, func(b *testing.B) {
			command := exec.Command(target.args[0], target.args[1:]...)
			command.Env = append(os.Environ(), caches...)
			began := time.Now()
			out, err := command.CombinedOutput()
			took := time.Since(began)
			require.NoError(b, err, "%s", out)
			b.ReportMetric(took.Seconds(), "s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
