package sockets_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/require"
)

// BenchmarkObserver prints what observing costs each echoed message of 64 bytes, with one in
// flight and with 32: CPU time of the process, the client's part in it too, which is the same.
func BenchmarkObserver(b *testing.B) {
	for _, burst := range []int{1, 32} {
		for _, with := range []string{"nobody", "nothing", "counters"} {
			b.Run(fmt.Sprintf("burst=%d/%s", burst, with), func(b *testing.B) {
				var observers []*sockets.Observer
				switch with {
				case "nothing":
					observers = append(observers, &sockets.Observer{})
				case "counters":
					observers = append(observers, new(sockets.Counters).Observer())
				}
				measureEcho(b, burst, observers)
			})
		}
	}
}

func measureEcho(b *testing.B, burst int, observers []*sockets.Observer) {
	system := sockets.NewSystem()
	echo := actor.PropsFromFunc(func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			ctx.Respond(f)
		}
	})
	server := &sockets.Server{System: system, Server: http.Server{Handler: &sockets.Handler{System: system, Spawn: echo}}, Observers: observers}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	go server.Serve(l)
	defer server.Close()
	nc := upgraded(b, l.Addr().String())
	defer nc.Close()
	var out []byte
	for range burst {
		out = frame.AppendMasked(out, frame.Binary(make([]byte, 64)), [4]byte{1, 2, 3, 4})
	}
	in := make([]byte, 66*burst)
	before := cpu(b)
	for b.Loop() {
		if _, err := nc.Write(out); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(nc, in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N*burst), "cpu-ns/msg")
}

// upgraded is a WebSocket of which nothing but the bytes is left.
func upgraded(b *testing.B, addr string) net.Conn {
	nc, err := net.Dial("tcp", addr)
	require.NoError(b, err)
	fmt.Fprintf(nc, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n")
	answer := make([]byte, 129)
	_, err = io.ReadFull(nc, answer)
	require.NoError(b, err)
	require.True(b, strings.HasSuffix(string(answer), "\r\n\r\n"), "%s", answer)
	return nc
}
