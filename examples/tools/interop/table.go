package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A table is what comes out: a row for each peer, a column for each check.
type table struct {
	title, corner string
	columns       []string
	partial       bool // some of the columns were left out
	rows          []*row
}

type row struct {
	run     *run
	name    string
	skipped string // why it did not run
	cells   map[string]cell
	notes   []string // what else it has to tell
}

// A cell is good, not possible, or bad.
type cell struct {
	ok  bool
	why string // of one that is not possible
	err error  // of a bad one
}

func (r *row) skip(why error) *row {
	r.skipped = why.Error()
	r.run.say("skipped: " + r.skipped)
	return r
}

func (r *row) cannot(column, why string) {
	r.cells[column] = cell{why: why}
	r.run.say(column + " -")
}

func (r *row) done(column string, err error) {
	r.cells[column] = cell{ok: err == nil, err: err}
	if err != nil {
		r.run.say(column + " FAILED: " + err.Error())
	} else {
		r.run.say(column + " ok")
	}
}

// count adds up good and bad cells and skipped rows.
func (t *table) count() (good, bad, skipped int) {
	for _, r := range t.rows {
		if r.skipped != "" {
			skipped++
		}
		for _, c := range r.cells {
			switch {
			case c.ok:
				good++
			case c.err != nil:
				bad++
			}
		}
	}
	return good, bad, skipped
}

// markdown writes the table with its footnotes; plain, aligned for a terminal.
func (t *table) markdown(w io.Writer) {
	if len(t.rows) == 0 {
		return
	}
	grid, notes := t.grid("[%d]")
	fmt.Fprintf(w, "## %s\n\n| %s |\n|%s\n", t.title, strings.Join(grid[0], " | "), " --- |"+strings.Repeat(" :-: |", len(t.columns)))
	for _, line := range grid[1:] {
		fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
	}
	writeNotes(w, notes)
}

func (t *table) plain(w io.Writer) {
	if len(t.rows) == 0 {
		return
	}
	grid, notes := t.grid("%d")
	widths := make([]int, len(grid[0]))
	for _, line := range grid {
		for i, text := range line {
			for word := range strings.SplitSeq(text, "\n") {
				widths[i] = max(widths[i], utf8.RuneCountInString(word))
			}
		}
	}
	fmt.Fprintf(w, "\n%s\n", t.title)
	for _, line := range grid {
		for i, text := range line {
			fmt.Fprintf(w, "%-*s  ", widths[i], text)
		}
		fmt.Fprintln(w)
	}
	writeNotes(w, notes)
}

func writeNotes(w io.Writer, notes []string) {
	for i, n := range notes {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%d. %s\n", i+1, n)
	}
	fmt.Fprintln(w)
}

// grid is the table in words. mark is how a cell refers to a note.
func (t *table) grid(mark string) (grid [][]string, notes []string) {
	refer := func(text string) string {
		at := slices.Index(notes, text)
		if at < 0 {
			at = len(notes)
			notes = append(notes, text)
		}
		return " " + fmt.Sprintf(mark, at+1)
	}
	grid = append(grid, append([]string{t.corner}, t.columns...))
	for _, r := range t.rows {
		line := []string{r.name}
		if r.skipped != "" {
			line[0] += refer("skipped: " + r.skipped)
		}
		for _, n := range r.notes {
			line[0] += refer(n)
		}
		for _, name := range t.columns {
			c, there := r.cells[name]
			switch {
			case c.ok:
				line = append(line, "✓")
			case c.err != nil:
				line = append(line, "✗"+refer(r.name+", "+name+": "+c.err.Error()))
			case there:
				line = append(line, "-"+refer(c.why))
			default:
				line = append(line, "")
			}
		}
		grid = append(grid, line)
	}
	return grid, notes
}

// complete reports whether all of the table has run.
func (t *table) complete() bool { return len(t.rows) > 0 && !t.partial }

// section is the table with a title in a file of results, "" if it has none.
func section(file, title string) string {
	_, text, found := strings.Cut(file, "## "+title+"\n")
	if !found {
		return ""
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return "## " + title + "\n" + strings.TrimRight(text, "\n") + "\n\n"
}

func (r *row) bad() (n int) {
	for _, c := range r.cells {
		if c.err != nil {
			n++
		}
	}
	return n
}
