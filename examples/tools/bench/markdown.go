package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// A report is everything that is written down at the end.
type report struct {
	Machine    []string    `json:"machine"`    // one fact a line
	Contenders []contender `json:"contenders"` // all that were in any row
	Results    []result    `json:"results"`
}

// writeMarkdown writes the page that the chart belongs to.
func (r *report) writeMarkdown(w io.Writer) {
	fmt.Fprint(w, "# Results\n\nWritten by the bench; do not edit. The server has one core and the load another.\n\n")
	if summary, lines := r.summary(); len(lines) > 1 {
		fmt.Fprintf(w, "%s\n\n", summary)
		writeMarkdownTable(w, lines, figures)
		fmt.Fprint(w, "\nTimes as good: above 1 is better than the best other Go library in that row, for memory too.\n\n")
	}
	fmt.Fprint(w, "![Every contender in every row](results.svg)\n\n")
	for _, fact := range r.Machine {
		fmt.Fprintf(w, "- %s\n", fact)
	}
	fmt.Fprint(w, "\nFigures are medians over the rounds; a ratio is the median of the ratios of figures measured in the same round. The best Go\n")
	fmt.Fprint(w, "peer of a row is the other Go library with the best median in it.\n\n## Everyone\n\n")
	fmt.Fprint(w, "Each row's first figure, as a multiple of the best Go peer's (memory: less is better).\n\n")
	writeMarkdownTable(w, r.overview(), figures)
	for i := range r.Results {
		res := &r.Results[i]
		fmt.Fprintf(w, "\n## %s\n\n", res.Row.Title)
		writeMarkdownTable(w, res.cells(), figures)
		for _, line := range res.failures() {
			fmt.Fprintf(w, "\n(%s)\n", line)
		}
		fmt.Fprintf(w, "\nMeasured %s.\n", res.When.UTC().Format("2006-01-02 15:04 UTC"))
	}
	fmt.Fprint(w, "\n†: the load had something to do for over 90 % of the time, so the server might have done more.\n")
	fmt.Fprint(w, "‡: compression was agreed, but the answers came uncompressed.\n")
	fmt.Fprint(w, "~: in at least one round something else on the machine used over 10 % of a core.\n")
	fmt.Fprint(w, "Allocations are those of the whole process, per message; only Go servers tell them.\n\n## Contenders\n\n")
	lines := [][]string{{"name", "set-up", "a slow member stalls its room", "UTF-8 of text checked"}}
	for _, c := range r.Contenders {
		lines = append(lines, []string{c.Name, strings.ReplaceAll(c.About, "|", "\\|"), c.Room, c.UTF8})
	}
	writeMarkdownTable(w, lines, words)
}

// level is how far from 1 a ratio may be and still be nobody's victory: rounds differ by as much.
const level = 0.05

// summary sets the first of our contenders against the best Go peer, in a sentence and a line for each row that both are in.
func (r *report) summary() (sentence string, lines [][]string) {
	i := slices.IndexFunc(r.Contenders, func(c contender) bool { return c.Kind == "ours" })
	if i < 0 {
		return "", nil
	}
	name := r.Contenders[i].Name
	lines = [][]string{{"row", "unit", name, "best Go peer", "times as good"}}
	ahead, even, behind := 0, 0, 0
	for i := range r.Results {
		res := &r.Results[i]
		ours, best, head := res.entry(name), res.best(), res.Row.headline()
		if ours == nil || best == nil {
			continue
		}
		ratio := ours.ratio(best, head.value)
		if head.lessWins {
			ratio = best.ratio(ours, head.value)
		}
		figure := func(e *entry) string { return known(e.median(head.value), head.formatted) + marks(e) }
		lines = append(lines, []string{res.Row.Title, head.unit, figure(ours), figure(best) + " (" + best.Contender + ")", "**" + known(ratio, times) + "**"})
		switch {
		case math.IsNaN(ratio):
		case ratio > 1+level:
			ahead++
		case ratio >= 1-level:
			even++
		default:
			behind++
		}
	}
	return fmt.Sprintf("%s against the best other Go library of each row: ahead in %d, level within %.0f %% in %d, behind in %d.",
		name, ahead, 100*level, even, behind), lines
}

// overview has a line for each row and a column for each contender.
func (r *report) overview() [][]string {
	titles := []string{"row"}
	for _, c := range r.Contenders {
		titles = append(titles, c.Name)
	}
	lines := [][]string{titles}
	for i := range r.Results {
		res := &r.Results[i]
		best, head := res.best(), res.Row.headline()
		line := []string{res.Row.Title}
		for _, c := range r.Contenders {
			ratio := math.NaN()
			if e := res.entry(c.Name); e != nil {
				ratio = e.ratio(best, head.value)
			}
			line = append(line, known(ratio, times))
		}
		lines = append(lines, line)
	}
	return lines
}
