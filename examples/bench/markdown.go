package main

import (
	"fmt"
	"io"
	"math"
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
	fmt.Fprint(w, "# Results\n\n")
	fmt.Fprint(w, "Written by the bench; do not edit. Higher is better, except for memory.\n\n![Every contender in every row](results.svg)\n\n")
	for _, fact := range r.Machine {
		fmt.Fprintf(w, "- %s\n", fact)
	}
	fmt.Fprint(w, "\nThe server has one core and the load another. Figures are medians over the rounds; a ratio is the median of the ratios of\n")
	fmt.Fprint(w, "figures measured in the same round. The best Go peer of a row is the Go library with the best median in it.\n\n## At a glance\n\n")
	fmt.Fprint(w, "Each row's first figure, as a multiple of the best Go peer's (memory: less is better).\n\n")
	writeMarkdownTable(w, r.glance())
	for i := range r.Results {
		res := &r.Results[i]
		fmt.Fprintf(w, "\n## %s\n\n", res.Row.Title)
		writeMarkdownTable(w, res.cells())
		for _, line := range res.failures() {
			fmt.Fprintf(w, "\n(%s)\n", line)
		}
		fmt.Fprintf(w, "\nMeasured %s.\n", res.When.UTC().Format("2006-01-02 15:04 UTC"))
	}
	fmt.Fprint(w, "\n†: the load had something to do for over 90 % of the time, so the server might have done more.\n")
	fmt.Fprint(w, "‡: compression was agreed, but the answers came uncompressed.\n")
	fmt.Fprint(w, "~: in at least one round something else on the machine used over 10 % of a core.\n")
	fmt.Fprint(w, "Allocations are those of the whole process, per message; only Go servers tell them.\n\n## Contenders\n\n")
	lines := [][]string{{"name", "set-up", "UTF-8 of text checked"}}
	for _, c := range r.Contenders {
		lines = append(lines, []string{c.Name, strings.ReplaceAll(c.About, "|", "\\|"), c.UTF8})
	}
	writeMarkdownTable(w, lines)
}

// glance has a line for each row and a column for each contender.
func (r *report) glance() [][]string {
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
