//go:build spindriftlocks

package sockets_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/lock"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/require"
)

// BenchmarkSharedLocks prints how often a lock that all connections share is taken for each message of 64 bytes that one of 100
// connections has echoed: what bounds a machine of many cores, and can be counted on one of few.
func BenchmarkSharedLocks(b *testing.B) {
	for _, handler := range []string{"own", "shared"} {
		for _, inFlight := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/inflight=%d", handler, inFlight), func(b *testing.B) { countLocks(b, handler, inFlight) })
		}
	}
}

func countLocks(b *testing.B, handler string, inFlight int) {
	const conns = 100
	system := sockets.NewSystem()
	echo := actor.PropsFromFunc(func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			ctx.Respond(f)
		}
	})
	h := &sockets.Handler{System: system, Spawn: echo}
	if handler == "shared" {
		h.Spawn, h.FrameHandler = nil, system.Root.Spawn(echo.Configure(sockets.Dispatcher(system)))
	}
	server := &sockets.Server{System: system, Server: http.Server{Handler: h}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(b, err)
	go server.Serve(l)
	defer server.Close()
	var out []byte
	for range inFlight {
		out = frame.AppendMasked(out, frame.Binary(make([]byte, 64)), [4]byte{1, 2, 3, 4})
	}
	peers := make([]net.Conn, conns)
	for i := range peers {
		peers[i] = upgraded(b, l.Addr().String())
		defer peers[i].Close()
	}
	each := max(1, b.N/(conns*inFlight))
	b.ResetTimer()
	before := lock.Taken()
	var all sync.WaitGroup
	for _, nc := range peers {
		all.Go(func() {
			in := make([]byte, 66*inFlight)
			for range each {
				nc.Write(out)
				if _, err := io.ReadFull(nc, in); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(lock.Taken()-before)/float64(each*conns*inFlight), "locks/msg")
}
