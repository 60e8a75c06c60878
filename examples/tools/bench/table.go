package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// A column is a heading and what stands under it.
type column struct {
	title string
	cell  func(*entry) string
}

// columns returns what a row's table shows, contender first.
func (r *result) columns() []column {
	best, floor, head := r.best(), r.floor(), r.Row.headline()
	of := func(value func(sample) float64, format func(float64) string) func(*entry) string {
		return func(e *entry) string { return known(e.median(value), format) }
	}
	columns := []column{
		{"contender", func(e *entry) string { return e.Contender }},
		{head.unit, func(e *entry) string { return known(e.median(head.value), head.formatted) + marks(e) }},
		{"x best Go peer", func(e *entry) string { return known(e.ratio(best, head.value), times) }},
	}
	if r.Row.Kind == idling {
		return append(columns,
			column{"resident, memory given back", inside(of(func(s sample) float64 { return s.RSSFreed }, bytesOf))},
			column{"heap and stack after GC", inside(of(func(s sample) float64 { return s.Live }, bytesOf))},
			column{"goroutines", inside(of(func(s sample) float64 { return s.Goroutines }, twoPlaces))},
		)
	}
	if r.Row.Kind == broadcasting {
		columns = append(columns, column{"deliveries/s", of(sample.rate, thousands)})
	}
	if r.Row.Kind == rooming {
		columns = append(columns, column{"resident a member", of(func(s sample) float64 { return s.RSS }, bytesOf)})
	}
	columns = append(columns, column{"CPU each", of(sample.cpuPerMessage, microsFloat)})
	if floor != nil {
		columns = append(columns, column{"x raw CPU", func(e *entry) string { return known(e.ratio(floor, sample.cpuPerMessage), times) }})
	}
	return append(columns,
		column{"p50", of(func(s sample) float64 { return float64(s.P50) }, microsFloat)},
		column{"p99", of(func(s sample) float64 { return float64(s.P99) }, microsFloat)},
		column{"p99.9", of(func(s sample) float64 { return float64(s.P999) }, microsFloat)},
		column{"allocations each", inside(of(func(s sample) float64 { return s.Allocs }, onePlace))},
		column{"server's core", of(sample.serverBusy, percent)},
		column{"load's core", of(func(s sample) float64 { return s.LoadBusy }, percent)},
	)
}

// The marks are explained under the tables.
const (
	boundMark     = " †"
	unpackedMark  = " ‡"
	disturbedMark = " ~"
)

// disturbing is how many cores something else may use before a figure is marked.
const disturbing = 0.1

func marks(e *entry) string {
	var bound, unpacked, disturbed string
	for _, s := range e.Samples {
		if s.Bound {
			bound = boundMark
		}
		if s.Unpacked {
			unpacked = unpackedMark
		}
		if s.Others > disturbing {
			disturbed = disturbedMark
		}
	}
	return bound + unpacked + disturbed
}

// inside leaves the cell empty for a server that did not tell.
func inside(cell func(*entry) string) func(*entry) string {
	return func(e *entry) string {
		for _, s := range e.Samples {
			if !s.Inside {
				return "-"
			}
		}
		return cell(e)
	}
}

func known(v float64, format func(float64) string) string {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "-"
	}
	return format(v)
}

func times(v float64) string       { return fmt.Sprintf("%.2f", v) }
func onePlace(v float64) string    { return fmt.Sprintf("%.1f", v) }
func twoPlaces(v float64) string   { return fmt.Sprintf("%.2f", v) }
func percent(v float64) string     { return fmt.Sprintf("%.0f %%", 100*v) }
func microsFloat(v float64) string { return micros(time.Duration(v)) }

func (r *result) cells() [][]string {
	columns := r.columns()
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	lines := [][]string{titles}
	for i := range r.Entries {
		e := &r.Entries[i]
		if len(e.Samples) == 0 {
			continue
		}
		line := make([]string, len(columns))
		for j, c := range columns {
			line[j] = c.cell(e)
		}
		lines = append(lines, line)
	}
	return lines
}

// failures returns a line for each contender that misses rounds.
func (r *result) failures() []string {
	var lines []string
	for _, e := range r.Entries {
		if e.Failure != "" {
			lines = append(lines, fmt.Sprintf("%s, %d rounds only: %s", e.Contender, len(e.Samples), strings.ReplaceAll(e.Failure, "\n", " ")))
		}
	}
	return lines
}

// writeText writes the row for a terminal.
func (r *result) writeText(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n", r.Row.Title)
	lines := r.cells()
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, line := range lines {
		for i, cell := range line {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i == 0 {
				fmt.Fprint(w, "  ", cell, pad)
			} else {
				fmt.Fprint(w, "  ", pad, cell)
			}
		}
		fmt.Fprintln(w)
	}
	for _, line := range r.failures() {
		fmt.Fprintln(w, "  ("+line+")")
	}
	fmt.Fprintln(w)
}

// The alignments of a Markdown table's columns after the first.
const (
	figures = " ---: |"
	words   = " --- |"
)

func writeMarkdownTable(w io.Writer, lines [][]string, alignment string) {
	for i, line := range lines {
		fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			fmt.Fprintf(w, "| --- |%s\n", strings.Repeat(alignment, len(line)-1))
		}
	}
}
