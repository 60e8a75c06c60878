package remote

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkSplit is BenchmarkEcho, with what a message costs each node split by whose code the processor was in:
// make bench ROWS=remote. The profiles stay in the folder that PROFILE names.
func BenchmarkSplit(b *testing.B) {
	b.Setenv(childEnv+"_BENCH", "1")
	dir := os.Getenv("PROFILE")
	if dir == "" {
		dir = b.TempDir()
	}
	for _, l := range loads {
		b.Run(l.String(), func(b *testing.B) { l.run(b, "remote", dir) })
	}
}

// profile begins a profile of the processor, or ends it if name is "".
func (p *process) profile(name string) {
	p.say("profile " + name)
	p.line()
}

// split reports what is in the profile name, of a process that has used us microseconds for each message.
func split(b *testing.B, dir, name string, us float64) {
	out, err := exec.Command("go", "tool", "pprof", "-traces", filepath.Join(dir, name)).Output()
	require.NoError(b, err)
	all, times := time.Duration(0), map[string]time.Duration{}
	for _, sample := range strings.Split(string(out), "-----------+-")[1:] {
		lines := strings.Split(strings.TrimSpace(strings.TrimLeft(sample, "-")), "\n")
		taken, leaf, _ := strings.Cut(strings.TrimSpace(lines[0]), " ")
		if d, err := time.ParseDuration(taken); err == nil {
			all += d
			times[owner(append([]string{leaf}, lines[1:]...))] += d
		}
	}
	for _, o := range owners {
		b.ReportMetric(us*float64(times[o.name])/float64(max(all, 1)), fmt.Sprint(name, "-", o.name, "-us"))
	}
}

// owners are whose code a stack can be in, by the beginnings of functions' names; the first function that is
// somebody's decides, from the leaf on.
var owners = []struct {
	name   string
	starts []string
}{
	{"kernel", []string{"internal/runtime/syscall", "runtime.futex", "runtime.epoll"}},
	{"runtime", []string{"runtime.schedule", "runtime.findRunnable", "runtime.mcall", "runtime.park_m", "runtime.ready", "runtime.wakep",
		"runtime.gcBgMarkWorker", "runtime.bgsweep", "runtime.gcAssist", "runtime.newstack"}},
	{"wire", []string{ours + "consume", ours + "varint", ours + "frameIn", ours + "encode", ours + "decode", ours + "(*item)", ours + "(*outgoing)",
		ours + "head", ours + "unhead", ours + "size", ours + "append"}},
	{"guard", []string{ours}},
	{"grpc", []string{"google.golang.org/grpc", "google.golang.org/protobuf/proto", "google.golang.org/protobuf/internal", "golang.org/x/net/http2"}},
	{"proto.actor", []string{"github.com/asynkron/protoactor-go/"}},
	{"connection", []string{""}},
}

const ours = "github.com/spindrift-go/spindrift/sockets/remote."

// shared is what works for whoever has called it.
var shared = []string{"runtime.", "internal/", "sync.", "syscall.", "reflect.", "mem", "golang.org/x/sys", "google.golang.org/protobuf/encoding/protowire",
	"github.com/spindrift-go/spindrift/frame.New", "type:", "aeshash"}

func owner(stack []string) string {
	for _, f := range stack {
		f = strings.TrimSpace(f)
		for _, o := range owners {
			for _, start := range o.starts {
				if start != "" && strings.HasPrefix(f, start) {
					return o.name
				}
			}
		}
		if !begins(f, shared) {
			break
		}
	}
	return "connection"
}

func begins(f string, starts []string) bool {
	for _, s := range starts {
		if strings.HasPrefix(f, s) {
			return true
		}
	}
	return false
}
