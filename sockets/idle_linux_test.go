package sockets_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/pprof"
	"syscall"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/require"
)

// BenchmarkIdle prints what an idle upgraded connection costs: bytes of heap and
// stack, and goroutines. Each has echoed one message. The peers are bare
// descriptors, which cost the process nothing it would count. PROFILE in the environment names a
// file for a profile of the heap while they are there.
func BenchmarkIdle(b *testing.B) {
	echo := func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			ctx.Respond(f)
		}
	}
	for _, handler := range []string{"shared", "own"} {
		for _, portable := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/portable=%v", handler, portable), func(b *testing.B) {
				system := sockets.NewSystem()
				h := &sockets.Handler{System: system, Options: &sockets.Options{Portable: portable}}
				if handler == "own" {
					h.Spawn = actor.PropsFromFunc(echo)
				} else {
					h.FrameHandler = system.Root.Spawn(actor.PropsFromFunc(echo, sockets.Dispatcher(system)))
				}
				measureIdle(b, system, h)
			})
		}
	}
}

func measureIdle(b *testing.B, system *actor.ActorSystem, h http.Handler) {
	const conns = 5000
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	server := &sockets.Server{System: system, Server: http.Server{Handler: h}}
	go server.Serve(l)
	defer server.Close()
	port := l.Addr().(*net.TCPAddr).Port
	warm := dialBare(b, port) // what is made once is not a connection's
	defer syscall.Close(warm)
	before, goroutines := footprint()
	fds := make([]int, conns)
	defer func() { // one for all: a defer each would be 64 bytes of theirs
		for _, fd := range fds {
			syscall.Close(fd)
		}
	}()
	for i := range fds {
		fds[i] = dialBare(b, port)
	}
	require.Eventually(b, func() bool { return runtime.NumGoroutine() <= goroutines+conns*2 }, 5*time.Second, 10*time.Millisecond)
	time.Sleep(500 * time.Millisecond) // the dispatcher's parked workers leave
	after, more := footprint()
	if path := os.Getenv("PROFILE"); path != "" {
		profile, err := os.Create(path)
		require.NoError(b, err)
		defer profile.Close()
		require.NoError(b, pprof.Lookup("heap").WriteTo(profile, 0))
	}
	b.ReportMetric(float64(after-before)/conns, "B/conn")
	b.ReportMetric(float64(more-goroutines)/conns, "goroutines/conn")
	b.ReportMetric(0, "ns/op")
}

// dialBare opens a WebSocket and has a message echoed, without the net package.
func dialBare(b *testing.B, port int) (fd int) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(b, err)
	require.NoError(b, syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}))
	say := func(p []byte) {
		_, err := syscall.Write(fd, p)
		require.NoError(b, err)
	}
	hear := func(end []byte) {
		var got []byte
		buf := make([]byte, 1024)
		for !bytes.HasSuffix(got, end) {
			n, err := syscall.Read(fd, buf)
			require.NoError(b, err)
			require.NotZero(b, n)
			got = append(got, buf[:n]...)
		}
	}
	say([]byte("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"))
	hear([]byte("\r\n\r\n"))
	say(frame.AppendMasked(nil, frame.Text("hello"), [4]byte{1, 2, 3, 4}))
	hear([]byte("hello"))
	return fd
}
