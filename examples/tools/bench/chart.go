package main

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// The chart's measures, in SVG user units.
const (
	chartColumns = 2
	panelWidth   = 470
	panelGap     = 24
	barHeight    = 13
	barStep      = 18
	nameWidth    = 128
	valueWidth   = 118
	panelHead    = 34
	chartMargin  = 20
	chartHead    = 64
)

// The chart brings its own background: a page may be dark where the system, which the style asks, is light.
const chartStyle = `
  text { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2933; }
  .page { fill: #ffffff; }
  .title { font-size: 18px; font-weight: 600; }
  .row { font-weight: 600; }
  .unit, .value { fill: #52606d; font-size: 11px; }
  rect.ours { fill: #0b7fab; } rect.peer { fill: #b4a58c; } rect.floor { fill: #c9ced6; } rect.other { fill: #8f7fb8; }
  text.ours { font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #14181f; }
    text { fill: #e4e7eb; } .unit, .value { fill: #9aa5b1; }
    rect.ours { fill: #35b5e5; } rect.peer { fill: #8a7d68; } rect.floor { fill: #4b5563; } rect.other { fill: #7b6bb0; }
  }
`

// writeSVG draws a panel of bars for each row. Every bar is as long as its contender is good: for memory, where less is better,
// the text says so and the longest bar is the worst, cut off (») when it is far longer than the next.
func (r *report) writeSVG(w io.Writer) {
	var panels []string
	var heights []int
	for i := range r.Results {
		body, height := r.Results[i].panel()
		if height > 0 {
			panels, heights = append(panels, body), append(heights, height)
		}
	}
	tops := [chartColumns]int{}
	var body strings.Builder
	for i, panel := range panels {
		column := shortest(tops)
		x := chartMargin + column*(panelWidth+panelGap)
		fmt.Fprintf(&body, "<g transform=\"translate(%d %d)\">\n%s</g>\n", x, chartHead+tops[column], panel)
		tops[column] += heights[i] + panelGap
	}
	width := 2*chartMargin + chartColumns*panelWidth + (chartColumns-1)*panelGap
	height := chartHead + max(tops[0], tops[1])
	fmt.Fprintf(w, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n", width, height, width, height)
	fmt.Fprintf(w, "<title>Spindrift and other WebSocket servers</title>\n<style>%s</style>\n", chartStyle)
	fmt.Fprintf(w, "<rect class=\"page\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", width, height)
	fmt.Fprintf(w, "<text class=\"title\" x=\"%d\" y=\"30\">One core, side by side; in brackets, as a multiple of the best other Go library</text>\n", chartMargin)
	x := chartMargin
	for _, item := range [][2]string{{"ours", "Spindrift"}, {"peer", "other Go libraries"}, {"other", "other languages"}, {"floor", "raw read and write, no library"}} {
		fmt.Fprintf(w, "<rect class=\"%s\" x=\"%d\" y=\"40\" width=\"12\" height=\"12\" rx=\"2\"/><text x=\"%d\" y=\"50\">%s</text>\n", item[0], x, x+17, item[1])
		x += 17 + 8*len(item[1])
	}
	io.WriteString(w, body.String())
	io.WriteString(w, "</svg>\n")
}

func shortest(tops [chartColumns]int) int {
	best := 0
	for i, top := range tops {
		if top < tops[best] {
			best = i
		}
	}
	return best
}

// panel draws one row; its height is 0 when there is nothing to draw.
func (r *result) panel() (body string, height int) {
	head, best := r.Row.headline(), r.best()
	longest, next := 0.0, 0.0
	for i := range r.Entries {
		if v := r.Entries[i].median(head.value); v > longest {
			longest, next = v, longest
		} else if v > next {
			next = v
		}
	}
	if longest == 0 {
		return "", 0
	}
	if head.lessWins && next > 0 {
		longest = min(longest, 2*next) // one glutton does not shrink everyone else to nothing
	}
	unit := head.unit
	if head.lessWins {
		unit += ", less is better"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "<text class=\"row\" x=\"0\" y=\"12\">%s</text>\n<text class=\"unit\" x=\"0\" y=\"27\">%s</text>\n", escape(r.Row.Title), escape(unit))
	y := panelHead
	for i := range r.Entries {
		e := &r.Entries[i]
		v := e.median(head.value)
		if math.IsNaN(v) {
			continue
		}
		label := head.formatted(v)
		if ratio := e.ratio(best, head.value); !math.IsNaN(ratio) {
			label += " (" + times(ratio) + "x)"
		}
		if v > longest {
			label = "» " + label
		}
		length := max(1, min(1, v/longest)*(panelWidth-nameWidth-valueWidth))
		fmt.Fprintf(&b, "<text class=\"%s\" x=\"0\" y=\"%d\">%s</text>", e.Kind, y+barHeight-2, escape(e.Contender))
		fmt.Fprintf(&b, "<rect class=\"%s\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>", e.Kind, nameWidth, y, length, barHeight)
		fmt.Fprintf(&b, "<text class=\"value\" x=\"%.1f\" y=\"%d\">%s</text>\n", nameWidth+length+6, y+barHeight-2, escape(label))
		y += barStep
	}
	return b.String(), y
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace
