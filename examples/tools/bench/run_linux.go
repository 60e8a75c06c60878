package main

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spindrift-go/spindrift/examples/tools/bench/load"
)

// A bench runs rows.
type bench struct {
	rounds     int
	warmup     time.Duration
	otherWarm  time.Duration // for contenders in other languages
	duration   time.Duration
	settle     time.Duration // idle time before memory is read
	opcode     byte
	serverCore int
	oneCore    bool   // server and load have one core between them
	profiles   string // a directory, or empty
	progress   func(string)
}

// estimate returns how many measurements a run is, and about how long it takes.
func (b *bench) estimate(chosen []row, contenders []contender) (count int, d time.Duration) {
	const (
		aServer     = 50 * time.Millisecond // its start and its end
		aConnection = 250 * time.Microsecond
	)
	for _, r := range chosen {
		for _, c := range contenders {
			if !c.takes(r) {
				continue
			}
			each := aServer + time.Duration(r.Conns)*aConnection
			if r.Kind == idling {
				each += 2 * b.settle
			} else {
				each += b.warmupOf(c) + b.duration
			}
			count += b.rounds
			d += time.Duration(b.rounds) * each
		}
	}
	return count, d
}

func (b *bench) warmupOf(c contender) time.Duration {
	if c.Kind == "other" {
		return b.otherWarm
	}
	return b.warmup
}

// run measures every contender that takes the row, in turn, as many times as there are rounds.
func (b *bench) run(ctx context.Context, r row, contenders []contender) (result, error) {
	res := result{Row: r, When: time.Now()}
	for _, c := range contenders {
		if c.takes(r) {
			res.Entries = append(res.Entries, entry{Contender: c.Name, Kind: c.Kind})
		}
	}
	for round := range b.rounds {
		for _, c := range contenders {
			e := res.entry(c.Name)
			if e == nil {
				continue
			}
			s, err := b.measure(ctx, r, c, round)
			if ctx.Err() != nil {
				return res, ctx.Err()
			}
			if err != nil {
				e.Failure = err.Error()
				b.progress(fmt.Sprintf("%-15s round %d  %-20s %v", r.ID, round+1, c.Name, err))
				continue
			}
			s.Round = round
			e.Samples = append(e.Samples, s)
			b.progress(fmt.Sprintf("%-15s round %d  %-20s %s", r.ID, round+1, c.Name, brief(r, s)))
		}
	}
	return res, nil
}

func (b *bench) measure(ctx context.Context, r row, c contender, round int) (sample, error) {
	server, err := startServer(ctx, c, r, b.serverCore)
	if err != nil {
		return sample{}, err
	}
	defer server.stop()
	target := load.Target{Addr: server.addr, Path: r.path(), TLS: r.TLS, Deflate: r.Deflate, Streams: r.Streams}
	if r.Kind == idling {
		return b.measureIdle(ctx, r, server, target)
	}
	watch := &observer{server: server, duration: b.duration}
	resident := server.resident()
	if b.profiles != "" {
		watch.profile = filepath.Join(b.profiles, fmt.Sprintf("%s-%s-%d.pprof", r.ID, c.Name, round+1))
	}
	window := load.Window{Warmup: b.warmupOf(c), Duration: b.duration, Sleep: b.oneCore, Answered: &watch.answered}
	window.Begin = func() { watch.begin(ctx) }
	window.End = watch.end
	report, err := drive(ctx, r, target, window, r.message(b.opcode))
	if err != nil {
		return sample{}, err
	}
	if err := watch.profiled(); err != nil {
		b.progress(fmt.Sprintf("%-15s round %d  %-20s no profile: %v", r.ID, round+1, c.Name, err))
	}
	s := sample{
		Messages: report.Messages, Elapsed: report.Elapsed, CPU: watch.cpu,
		P50: report.Latency.Quantile(0.5), P99: report.Latency.Quantile(0.99), P999: report.Latency.Quantile(0.999),
		LoadBusy: report.Busy(), Others: watch.others(report), Bound: report.Bound(), Unpacked: r.Deflate && !report.Packed,
	}
	if r.Kind == rooming {
		s.RSS = (watch.resident - resident) / float64(r.Conns)
	}
	s.Allocs, s.Inside = watch.allocations()
	return s, nil
}

func drive(ctx context.Context, r row, target load.Target, window load.Window, message load.Message) (*load.Report, error) {
	switch r.Kind {
	case broadcasting:
		return load.Broadcast{Target: target, Message: message, Conns: r.Conns, InFlight: r.InFlight, Window: window}.Run(ctx)
	case rooming:
		return load.Broadcast{Target: target, Message: message, Conns: r.Conns, Slow: r.Slow, TakeTurn: true, InFlight: r.InFlight, Window: window}.Run(ctx)
	case upgrading:
		return load.Upgrades{Target: target, Concurrent: r.Conns, Window: window}.Run(ctx)
	case requesting, asking:
		return load.Plain{Target: target, Conns: r.Conns, Window: window}.Run(ctx)
	default:
		return load.Echo{Target: target, Message: message, Conns: r.Conns, InFlight: r.InFlight, Window: window}.Run(ctx)
	}
}

// firstCrowd connections come and go before memory is first read, so that code and one-time tables are in it already.
const firstCrowd = 16

func (b *bench) measureIdle(ctx context.Context, r row, server *process, target load.Target) (sample, error) {
	first, err := load.Gather(ctx, target, cmp.Or(r.Streams, firstCrowd), r.message(b.opcode))
	if err != nil {
		return sample{}, err
	}
	first.Disperse()
	if err := pause(ctx, b.settle); err != nil {
		return sample{}, err
	}
	resident := server.resident()
	inside, before, err := b.look(ctx, server, "gc=1")
	if err != nil {
		return sample{}, err
	}
	crowd, err := load.Gather(ctx, target, r.Conns, r.message(b.opcode))
	if err != nil {
		return sample{}, err
	}
	defer crowd.Disperse()
	if err := pause(ctx, b.settle); err != nil {
		return sample{}, err
	}
	each := func(now, then float64) float64 { return (now - then) / float64(r.Conns) }
	s := sample{Inside: inside, RSS: each(server.resident(), resident)}
	_, after, err := b.look(ctx, server, "free=1")
	if err != nil || !inside {
		return s, err
	}
	s.RSSFreed = each(server.resident(), resident)
	s.Live = each(float64(after.Heap+after.Stack), float64(before.Heap+before.Stack))
	s.Goroutines = max(0, each(float64(after.Goroutines), float64(before.Goroutines)))
	return s, nil
}

func (b *bench) look(ctx context.Context, server *process, query string) (bool, stats, error) {
	if server.stats == "" {
		return false, stats{}, nil
	}
	s, err := ask(ctx, server.stats, query)
	return err == nil, s, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// brief is a sample in one line.
func brief(r row, s sample) string {
	if r.Kind == idling {
		return fmt.Sprintf("%s resident, %s heap and stack, %.2f goroutines each", bytesOf(s.RSS), bytesOf(s.Live), s.Goroutines)
	}
	line := fmt.Sprintf("%9s/s  cpu %-9s p50 %-9s p99 %-9s load %2.0f %%", thousands(s.rate()),
		micros(time.Duration(s.cpuPerMessage())), micros(s.P50), micros(s.P99), 100*s.LoadBusy)
	if s.RSS > 0 {
		line += "  " + bytesOf(s.RSS) + " a member"
	}
	if s.Bound {
		line += " (the load is the limit)"
	}
	if s.Others > disturbing {
		line += fmt.Sprintf(" (disturbed: something else used %.0f %% of a core)", 100*s.Others)
	}
	return line
}
