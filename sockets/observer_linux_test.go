package sockets_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// BenchmarkObserver prints what observing costs each echoed message of 64 bytes, with one in
// flight and with 32: CPU time of the server, and how much more that is than with no observer.
// A round has several servers of each kind echo in turn, so that neither a slow spell of the
// machine nor a lucky place in memory is that of one kind; a percentage is the median over the
// rounds:
//
//	go test -run '^$' -bench Observer -benchtime 200x ./sockets
func BenchmarkObserver(b *testing.B) {
	const each, bursts = 6, 64
	kinds := []string{"nobody", "nothing", "counters"}
	for _, burst := range []int{1, 32} {
		b.Run(fmt.Sprintf("burst=%d", burst), func(b *testing.B) {
			var all []*observed
			for i := range each * len(kinds) {
				switch i % len(kinds) {
				case 0:
					all = append(all, newObserved(b, burst))
				case 1:
					all = append(all, newObserved(b, burst, &sockets.Observer{}))
				case 2:
					all = append(all, newObserved(b, burst, new(sockets.Counters).Observer()))
				}
			}
			costs, more := make([][]float64, len(kinds)), make([][]float64, len(kinds))
			for n := 0; b.Loop(); n++ {
				sums := make([]float64, len(kinds))
				for i := range all {
					i = (n + i) % len(all)
					sums[i%len(kinds)] += float64(all[i].echo(b, bursts)) / (each * bursts) / float64(burst)
				}
				for k, sum := range sums {
					costs[k], more[k] = append(costs[k], sum), append(more[k], 100*(sum/sums[0]-1))
				}
			}
			for k, kind := range kinds {
				b.ReportMetric(middle(costs[k]), kind+"-ns/msg")
				if k > 0 {
					b.ReportMetric(middle(more[k]), kind+"-%")
				}
			}
		})
	}
}

func middle(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// observed is an echo server and its client.
type observed struct {
	fd      int
	out, in []byte
}

func newObserved(b *testing.B, burst int, observers ...*sockets.Observer) *observed {
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
	b.Cleanup(func() { server.Close() })
	nc := upgraded(b, l.Addr().String())
	file, err := nc.(*net.TCPConn).File()
	require.NoError(b, err)
	nc.Close()
	b.Cleanup(func() { file.Close() })
	o := &observed{fd: int(file.Fd()), in: make([]byte, 66*burst)} // it blocks now
	for range burst {
		o.out = frame.AppendMasked(o.out, frame.Binary(make([]byte, 64)), [4]byte{1, 2, 3, 4})
	}
	return o
}

// echo has bursts echoed, by a thread that blocks, and returns the CPU time of all others.
func (o *observed) echo(b *testing.B, bursts int) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	whole, own := clock(b, unix.CLOCK_PROCESS_CPUTIME_ID), clock(b, unix.CLOCK_THREAD_CPUTIME_ID)
	for range bursts {
		if n, err := unix.Write(o.fd, o.out); n < len(o.out) {
			b.Fatal(err)
		}
		for in := o.in; len(in) > 0; {
			n, err := unix.Read(o.fd, in)
			if n <= 0 {
				b.Fatal(err)
			}
			in = in[n:]
		}
	}
	return clock(b, unix.CLOCK_PROCESS_CPUTIME_ID) - whole - (clock(b, unix.CLOCK_THREAD_CPUTIME_ID) - own)
}

func clock(b *testing.B, id int32) time.Duration {
	var t unix.Timespec
	require.NoError(b, unix.ClockGettime(id, &t))
	return time.Duration(t.Nano())
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
