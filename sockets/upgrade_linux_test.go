package sockets_test

import (
	"net"
	"net/http"
	"syscall"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/require"
)

// BenchmarkUpgrade is a connection that is opened, upgraded, says one word and goes: all
// that the process does for it, and the kernel for both ends.
func BenchmarkUpgrade(b *testing.B) {
	echo := actor.PropsFromFunc(func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			ctx.Respond(f)
		}
	})
	system := sockets.NewSystem()
	shared := system.Root.Spawn(echo)
	for name, h := range map[string]http.Handler{
		"shared": &sockets.Handler{System: system, FrameHandler: shared},
		"own":    &sockets.Handler{System: system, Spawn: echo},
	} {
		b.Run(name, func(b *testing.B) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(b, err)
			server := &sockets.Server{System: system, Server: http.Server{Handler: h}}
			go server.Serve(l)
			defer server.Close()
			port := l.Addr().(*net.TCPAddr).Port
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				fd := dialBare(b, port)
				syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
				syscall.Close(fd) // a reset: no port stays behind
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

// cpu is the time that the process has taken of all cores: what others take on a busy
// machine is not in it.
func cpu(b *testing.B) int64 {
	var u syscall.Rusage
	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return u.Utime.Nano() + u.Stime.Nano()
}
