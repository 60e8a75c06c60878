package remote

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/require"
)

// cpu is the time that a process has used, and its resident memory in bytes.
func (p *process) cpu() (used time.Duration, memory int) {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	if len(f) < 22 {
		return 0, 0
	}
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	pages, _ := strconv.Atoi(f[21])
	return time.Duration(user+system) * 10 * time.Millisecond, pages * os.Getpagesize()
}

// BenchmarkEcho is echo of 64 B through a gateway of its own process, whose handler is there or in another
// process: make bench ROWS=remote.
func BenchmarkEcho(b *testing.B) {
	b.Setenv(childEnv+"_BENCH", "1")
	for _, where := range []string{"local", "remote"} {
		for _, load := range []struct{ conns, flight int }{{1, 1}, {100, 1}, {100, 32}} {
			b.Run(fmt.Sprintf("%s/%dx%d", where, load.conns, load.flight), func(b *testing.B) {
				worker := spawn(b, "worker", "", "")
				peer := worker.addr
				if where == "local" {
					peer = "self"
				}
				gateway := spawn(b, "gateway", peer, "")
				conns := make([]*sockets.Conn, load.conns)
				for i := range conns {
					var err error
					conns[i], err = sockets.Dial(b.Context(), gateway.url, nil)
					require.NoError(b, err)
				}
				f := frame.Binary(make([]byte, 64))
				each := max(b.N/load.conns/load.flight, 1)
				trips := make([][]time.Duration, len(conns))
				done := make(chan error, len(conns))
				gatewayBefore, _ := gateway.cpu()
				workerBefore, _ := worker.cpu()
				b.ResetTimer()
				for i, c := range conns {
					go func() {
						for range each {
							began := time.Now()
							for range load.flight {
								if err := c.Send(b.Context(), f); err != nil {
									done <- err
									return
								}
							}
							for range load.flight {
								if _, err := c.Receive(b.Context()); err != nil {
									done <- err
									return
								}
							}
							trips[i] = append(trips[i], time.Since(began))
						}
						done <- nil
					}()
				}
				for range conns {
					require.NoError(b, <-done)
				}
				b.StopTimer()
				messages := float64(each * load.conns * load.flight)
				all := slices.Concat(trips...)
				slices.Sort(all)
				b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-us")
				b.ReportMetric(messages/b.Elapsed().Seconds(), "messages/s")
				g, _ := gateway.cpu()
				w, _ := worker.cpu()
				b.ReportMetric(float64((g-gatewayBefore).Nanoseconds())/1000/messages, "gateway-us/message")
				b.ReportMetric(float64((w-workerBefore).Nanoseconds())/1000/messages, "worker-us/message")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// BenchmarkIdle is the resident memory of an idle connection on both nodes.
func BenchmarkIdle(b *testing.B) {
	b.Setenv(childEnv+"_BENCH", "1")
	for b.Loop() {
		worker := spawn(b, "worker", "", "")
		gateway := spawn(b, "gateway", worker.addr, "")
		var conns []*sockets.Conn
		var before [2]int
		const n, warm = 4000, 1000
		for i := range n + warm {
			c, err := sockets.Dial(b.Context(), gateway.url, nil)
			require.NoError(b, err)
			conns = append(conns, c)
			if i == warm {
				gateway.settle()
				worker.settle()
				_, before[0] = gateway.cpu()
				_, before[1] = worker.cpu()
			}
		}
		gateway.settle()
		worker.settle()
		_, g := gateway.cpu()
		_, w := worker.cpu()
		b.ReportMetric(float64(g-before[0])/n, "gateway-B/conn")
		b.ReportMetric(float64(w-before[1])/n, "worker-B/conn")
		for _, c := range conns {
			c.Cut()
		}
	}
}

// settle has a child give back what it does not need.
func (p *process) settle() {
	p.say("settle")
	p.line()
}
