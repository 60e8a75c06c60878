package remote

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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

// load is how many clients there are, and how many messages each has on their way.
type load struct{ conns, flight int }

var loads = []load{{1, 1}, {100, 1}, {100, 32}}

func (l load) String() string { return fmt.Sprintf("%dx%d", l.conns, l.flight) }

// BenchmarkEcho is echo of 64 B through a gateway of its own process, whose handler is there or in another
// process: make bench ROWS=remote.
func BenchmarkEcho(b *testing.B) {
	b.Setenv(childEnv+"_BENCH", "1")
	for _, where := range []string{"local", "remote"} {
		for _, l := range loads {
			b.Run(where+"/"+l.String(), func(b *testing.B) { l.run(b, where, "") })
		}
	}
}

// run measures a load. Profiles go into a folder; "": there are none.
func (l load) run(b *testing.B, where, profiles string) {
	worker := spawn(b, "worker", "", "")
	peer := worker.addr
	if where == "local" {
		peer = "self"
	}
	gateway := spawn(b, "gateway", peer, "")
	conns := make([]*sockets.Conn, l.conns)
	for i := range conns {
		var err error
		conns[i], err = sockets.Dial(b.Context(), gateway.url, nil)
		require.NoError(b, err)
	}
	f := frame.Binary(make([]byte, 64))
	each := max(b.N/l.conns/l.flight, 1)
	trips := make([][]time.Duration, len(conns))
	done := make(chan error, len(conns))
	if profiles != "" {
		gateway.profile(filepath.Join(profiles, "gateway"))
		worker.profile(filepath.Join(profiles, "worker"))
	}
	gatewayBefore, _ := gateway.cpu()
	workerBefore, _ := worker.cpu()
	b.ResetTimer()
	for i, c := range conns {
		go func() {
			var err error
			for range each {
				began := time.Now()
				if err = l.trip(b.Context(), c, f); err != nil {
					break
				}
				trips[i] = append(trips[i], time.Since(began))
			}
			done <- err
		}()
	}
	for range conns {
		require.NoError(b, <-done)
	}
	b.StopTimer()
	messages := float64(each * l.conns * l.flight)
	all := slices.Concat(trips...)
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)/2].Microseconds()), "p50-us")
	b.ReportMetric(messages/b.Elapsed().Seconds(), "messages/s")
	g, _ := gateway.cpu()
	w, _ := worker.cpu()
	gatewayUs, workerUs := float64((g-gatewayBefore).Nanoseconds())/1000/messages, float64((w-workerBefore).Nanoseconds())/1000/messages
	b.ReportMetric(gatewayUs, "gateway-us/message")
	b.ReportMetric(workerUs, "worker-us/message")
	b.ReportMetric(0, "ns/op")
	if profiles != "" {
		gateway.profile("")
		worker.profile("")
		split(b, profiles, "gateway", gatewayUs)
		split(b, profiles, "worker", workerUs)
	}
}

// trip sends messages, and waits for their echoes.
func (l load) trip(ctx context.Context, c *sockets.Conn, f *frame.Frame) error {
	for range l.flight {
		if err := c.Send(ctx, f); err != nil {
			return err
		}
	}
	for range l.flight {
		if _, err := c.Receive(ctx); err != nil {
			return err
		}
	}
	return nil
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
