package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// Verdicts in the order in which the columns stand, from the best to the worst.
var (
	behaviorColumns = []string{"OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED", "FAILED", "ERROR"}
	closeColumns    = []string{"OK", "INFORMATIONAL", "FAILED BY CLIENT", "WRONG CODE", "UNCLEAN", "FAILED"}
	alwaysShown     = []string{"OK", "INFORMATIONAL", "FAILED"}
)

const unjudged = "no verdict"

// A tally counts verdicts, of one group or of all.
type tally struct {
	cases    int
	behavior map[string]int
	close    map[string]int
}

func (t *tally) add(v verdict) {
	if t.behavior == nil {
		t.behavior, t.close = map[string]int{}, map[string]int{}
	}
	t.cases++
	if v == (verdict{}) {
		t.behavior[unjudged]++
		t.close[unjudged]++
		return
	}
	t.behavior[v.Behavior]++
	t.close[v.Close]++
}

// printTable writes the verdicts about the chosen cases, a line for each group and a last one for
// all. Columns with nothing in them are left out, except those a reader looks for.
func printTable(w io.Writer, title string, chosen []string, got verdicts) {
	var groups []string
	var all tally
	tallies := map[string]*tally{}
	for _, id := range chosen {
		group := groupOf(id)
		if tallies[group] == nil {
			tallies[group] = &tally{}
			groups = append(groups, group)
		}
		tallies[group].add(got[id])
		all.add(got[id])
	}

	behaviors := columns(behaviorColumns, all.behavior)
	closes := columns(closeColumns, all.close)
	line := func(name, cases string, behavior, close func(string) string) {
		fmt.Fprintf(w, "  %-37s %5s", name, cases)
		for _, c := range behaviors {
			fmt.Fprintf(w, "  %*s", max(len(c), 4), behavior(c))
		}
		fmt.Fprint(w, "  |")
		for _, c := range closes {
			fmt.Fprintf(w, "  %*s", max(len(c), 4), close(c))
		}
		fmt.Fprintln(w)
	}
	count := func(counts map[string]int) func(string) string {
		return func(column string) string {
			if counts[column] == 0 {
				return "-"
			}
			return fmt.Sprint(counts[column])
		}
	}
	heading := func(column string) string { return column }

	fmt.Fprintf(w, "%s  (left of the bar the messages, right of it the closing)\n", title)
	line("", "cases", heading, heading)
	for _, group := range groups {
		t := tallies[group]
		name := strings.TrimRight(fmt.Sprintf("%4s  %s", group+".*", groupTitles[group]), " ")
		line(name, fmt.Sprint(t.cases), count(t.behavior), count(t.close))
	}
	line("all", fmt.Sprint(all.cases), count(all.behavior), count(all.close))
}

// columns returns those of the known columns that are worth showing, then any other with a count.
func columns(known []string, counts map[string]int) []string {
	var shown []string
	for _, c := range known {
		if counts[c] > 0 || slices.Contains(alwaysShown, c) {
			shown = append(shown, c)
		}
	}
	var others []string
	for c := range counts {
		if !slices.Contains(known, c) {
			others = append(others, c)
		}
	}
	slices.Sort(others)
	return append(shown, others...)
}
