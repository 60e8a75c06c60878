package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/spindrift-go/spindrift/examples/tools/bench/load"
)

// An observer reads the server's CPU clock at both ends of the window, and, on a goroutine of its own so that the load never
// waits for the answer, its allocations and its profile a little inside it.
type observer struct {
	server   *process
	duration time.Duration
	profile  string
	answered atomic.Uint64

	cpu       time.Duration
	resident  float64       // bytes, at the end
	machine   time.Duration // all cores' busy time
	allocs    chan float64
	profiling chan error
}

func (o *observer) begin(ctx context.Context) {
	if o.server.stats != "" {
		o.allocs = make(chan float64, 1)
		go o.count(ctx)
		if o.profile != "" {
			o.profiling = make(chan error, 1)
			go func() { o.profiling <- profile(ctx, o.server.stats, o.profile, o.duration*8/10) }()
		}
	}
	o.machine = machineBusy()
	o.cpu = o.server.cpu()
}

func (o *observer) end() {
	o.cpu = o.server.cpu() - o.cpu
	o.machine = machineBusy() - o.machine
	o.resident = o.server.resident()
}

// others returns how many cores were busy with neither the server nor the load.
func (o *observer) others(report *load.Report) float64 {
	return max(0, float64(o.machine-o.cpu-report.CPU)/float64(report.Elapsed))
}

func (o *observer) count(ctx context.Context) {
	defer close(o.allocs)
	before, err := ask(ctx, o.server.stats, "")
	if err != nil {
		return
	}
	first := o.answered.Load()
	select {
	case <-time.After(o.duration * 7 / 10):
	case <-ctx.Done():
		return
	}
	after, err := ask(ctx, o.server.stats, "")
	if n := o.answered.Load() - first; err == nil && n > 0 {
		o.allocs <- float64(after.Mallocs-before.Mallocs) / float64(n)
	}
}

// profiled waits until the profile, if one was wanted, is in its file: the server must not be stopped before.
func (o *observer) profiled() error {
	if o.profiling == nil {
		return nil
	}
	return <-o.profiling
}

// allocations returns the allocations per message, false when the server does not tell.
func (o *observer) allocations() (float64, bool) {
	if o.allocs == nil {
		return 0, false
	}
	n, ok := <-o.allocs
	return n, ok
}
