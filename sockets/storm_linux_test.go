package sockets_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/require"
)

// BenchmarkIdleAfterStorms prints what is resident when a storm of connections is over, after the
// first one and after the third: 20,000 that are open at once, or as many as there may be
// descriptors for. Each has echoed one message.
func BenchmarkIdleAfterStorms(b *testing.B) {
	conns := 20_000
	var limit syscall.Rlimit
	require.NoError(b, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if most := int(limit.Cur)/2 - 100; most < conns {
		conns = most
	}
	system := sockets.NewSystem()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := &sockets.Server{System: system, Server: http.Server{Handler: &sockets.Handler{
		System: system,
		Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			if f, ok := ctx.Message().(*frame.Frame); ok {
				ctx.Respond(f)
			}
		}),
	}}}
	go server.Serve(l)
	defer server.Close()
	port := l.Addr().(*net.TCPAddr).Port
	goroutines := runtime.NumGoroutine()
	var after []float64
	var most float64
	for range 3 {
		fds := make([]int, conns)
		for i := range fds {
			fds[i] = dialBare(b, port)
		}
		most = max(most, resident(b))
		for _, fd := range fds {
			syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
			syscall.Close(fd) // a reset: no port stays behind
		}
		require.Eventually(b, func() bool { return server.Connections() == 0 && runtime.NumGoroutine() <= goroutines+2 }, 20*time.Second, 10*time.Millisecond)
		debug.FreeOSMemory() // the scavenger would, in some minutes
		after = append(after, resident(b))
	}
	b.ReportMetric(float64(conns), "conns")
	b.ReportMetric(most/1e6, "MB-in-a-storm")
	b.ReportMetric(after[0]/1e6, "MB-after-1")
	b.ReportMetric(after[2]/1e6, "MB-after-3")
	b.ReportMetric(after[2]/after[0], "after-3/after-1")
	b.ReportMetric(0, "ns/op")
}

// resident is the resident memory of the process, in bytes.
func resident(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kb float64
	_, err = fmt.Sscan(rest, &kb)
	require.NoError(b, err)
	return kb * 1024
}
