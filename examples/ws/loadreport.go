package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// progress tells on standard error, once a second, how it goes.
func (l *loading) progress(over <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for last := int64(0); ; {
		select {
		case <-over:
			return
		case <-tick.C:
		}
		n := l.answered.Load()
		fmt.Fprintf(l.err, "%4.0f s  %6d open  %4d failed  %8d messages/s  p50 %-8s p99 %s\n",
			time.Since(l.began).Seconds(), l.open.Load(), l.failed.Load(), n-last, short(l.latency.quantile(.5)), short(l.latency.quantile(.99)))
		last = n
	}
}

// result is what -json prints. Times are in milliseconds.
type result struct {
	URL         string
	Connections int
	Failed      int64
	Seconds     float64
	Sent        int64
	Answered    int64
	Unanswered  int64
	Other       int64 // messages that are no answers
	PerSecond   float64
	Handshake   times
	Latency     times
	Histogram   []bar          `json:",omitempty"` // Until is in nanoseconds
	Errors      map[string]int `json:",omitempty"`
}

type times struct{ Min, Mean, P50, P75, P90, P99, P999, Max float64 }

func (h *histogram) times() times {
	ms := func(d time.Duration) float64 { return float64(d.Round(time.Microsecond)) / 1e6 }
	return times{ms(h.min), ms(h.mean()), ms(h.quantile(.5)), ms(h.quantile(.75)), ms(h.quantile(.9)), ms(h.quantile(.99)), ms(h.quantile(.999)), ms(h.max)}
}

// report prints what was measured.
func (l *loading) report(took time.Duration) {
	r := result{
		URL: l.address, Connections: l.conns, Failed: l.failed.Load(), Seconds: took.Seconds(),
		Sent: l.sent.Load(), Answered: l.answered.Load(), Unanswered: l.unanswered.Load(), Other: l.strange.Load(),
		PerSecond: float64(l.answered.Load()) / took.Seconds(),
		Handshake: l.handshake.times(), Latency: l.latency.times(), Histogram: l.latency.bars(), Errors: l.errors,
	}
	if l.json {
		out, _ := json.MarshalIndent(r, "", "  ")
		fmt.Fprintf(l.out, "%s\n", out)
		return
	}
	fmt.Fprintf(l.out, "\n%d connections, %d failed, %.1f s\n", r.Connections, r.Failed, r.Seconds)
	fmt.Fprintf(l.out, "%d messages of %d bytes sent, %d answered (%.0f a second), %d not answered", r.Sent, l.size, r.Answered, r.PerSecond, r.Unanswered)
	if r.Other > 0 {
		fmt.Fprintf(l.out, ", %d other messages", r.Other)
	}
	fmt.Fprintf(l.out, "\n\n")
	if r.Connections > int(r.Failed) || r.Sent > 0 {
		l.table(r)
	}
	for _, line := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(l.out, "%6d × %s\n", r.Errors[line], line)
	}
}

// table prints the times, and draws those of messages.
func (l *loading) table(r result) {
	fmt.Fprintf(l.out, "%-12s%9s%9s%9s%9s%9s%9s%9s%9s\n", "ms", "min", "mean", "p50", "p75", "p90", "p99", "p99.9", "max")
	for _, row := range []struct {
		name string
		times
	}{{"handshake", r.Handshake}, {"message", r.Latency}} {
		t := row.times
		fmt.Fprintf(l.out, "%-12s", row.name)
		for _, v := range []float64{t.Min, t.Mean, t.P50, t.P75, t.P90, t.P99, t.P999, t.Max} {
			fmt.Fprintf(l.out, "%9.3f", v)
		}
		fmt.Fprintln(l.out)
	}
	l.picture(r.Histogram)
}

// picture draws the histogram, a row for each range of durations.
func (l *loading) picture(rows []bar) {
	most := int64(1)
	for _, row := range rows {
		most = max(most, row.Count)
	}
	fmt.Fprintln(l.out)
	for _, row := range rows {
		width := int((row.Count*50 + most - 1) / most)
		fmt.Fprintf(l.out, "%12s %s %d\n", "≤ "+short(row.Until), l.paint(green, strings.Repeat("█", width)), row.Count)
	}
}
