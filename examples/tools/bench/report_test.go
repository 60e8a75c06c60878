package main

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

func exampleReport() *report {
	echo := result{Row: rows()[0], When: time.Unix(0, 0), Entries: []entry{
		{Contender: "raw", Kind: "floor", Samples: []sample{{Messages: 240_000, Elapsed: 2 * time.Second, CPU: 2 * time.Second, Inside: true}}},
		{Contender: "gorilla", Kind: "peer", Samples: []sample{{Messages: 200_000, Elapsed: 2 * time.Second, CPU: 2 * time.Second, P50: 9 * time.Microsecond, Allocs: 2, Inside: true}}},
		{Contender: "spindrift", Kind: "ours", Samples: []sample{{Messages: 220_000, Elapsed: 2 * time.Second, CPU: 2 * time.Second, Bound: true, Inside: true}}},
		{Contender: "a<b>&\"c\"", Kind: "other", Samples: []sample{{Messages: 100_000, Elapsed: 2 * time.Second, CPU: 2 * time.Second}}},
		{Contender: "broken", Kind: "peer", Failure: "it\nended"},
	}}
	idle := result{Row: rows()[len(rows())-1], When: time.Unix(0, 0), Entries: []entry{
		{Contender: "gorilla", Kind: "peer", Samples: []sample{{RSS: 17_600, Live: 15_000, Goroutines: 1, Inside: true}}},
		{Contender: "spindrift", Kind: "ours", Samples: []sample{{RSS: 2_200, Inside: true}}},
	}}
	return &report{
		Machine: []string{"a machine"},
		Contenders: []contender{
			{Name: "raw", Kind: "floor", About: "floor", Room: "yes", UTF8: "off"},
			{Name: "gorilla", Kind: "peer", About: "x | y", Room: "no", UTF8: "off"},
			{Name: "spindrift", Kind: "ours", About: "ours", Room: "no", UTF8: "on"},
		},
		Results: []result{echo, idle},
	}
}

func TestMarkdown(t *testing.T) {
	var b strings.Builder
	exampleReport().writeMarkdown(&b)
	page := b.String()
	for _, want := range []string{
		"- a machine\n",
		"| row | raw | gorilla | spindrift |\n| --- | ---: | ---: | ---: |\n",
		"| Echo 64 B, 100 connections, 1 in flight | 1.20 | 1.00 | 1.10 |\n",
		"| Idle memory, 9,000 connections | - | 1.00 | 0.12 |\n",
		"| gorilla | 100.0 k | 1.00 | 10.00 us | 1.20 | 9.00 us |",
		"| spindrift | 110.0 k † | 1.10 |",
		"(broken, 0 rounds only: it ended)",
		"| gorilla | 17.6 KB | 1.00 | 0 B | 15.0 KB | 1.00 |\n",
		"| gorilla | x \\| y | no | off |",
		"ahead in 2, level within 5 % in 0, behind in 0.",
		"| Echo 64 B, 100 connections, 1 in flight | messages/s | 110.0 k † | 100.0 k (gorilla) | **1.10** |\n",
		"| Idle memory, 9,000 connections | resident bytes per connection | 2.2 KB | 17.6 KB (gorilla) | **8.00** |\n",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q in\n%s", want, page)
		}
	}
	if strings.Contains(page, "| broken") || strings.Contains(page, "NaN") {
		t.Error("a contender without samples has a line")
	}
}

func TestChartCutsAGluttonShort(t *testing.T) {
	r := result{Row: row{Kind: idling}}
	for name, memory := range map[string]float64{"lean": 5_000, "usual": 10_000, "glutton": 130_000} {
		r.Entries = append(r.Entries, entry{Contender: name, Samples: []sample{{RSS: memory}}})
	}
	const whole = panelWidth - nameWidth - valueWidth
	body, _ := r.panel()
	for _, want := range []string{"» 130.0 KB", fmt.Sprintf(`width="%d.0"`, whole), fmt.Sprintf(`width="%d.0"`, whole/2), fmt.Sprintf(`width="%d.0"`, whole/4)} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
}

func TestSummaryCountsRows(t *testing.T) {
	r := exampleReport()
	r.Results[0].entry("spindrift").Samples[0].Messages = 202_000
	r.Results[1].entry("spindrift").Samples[0].RSS = 20_000
	if sentence, _ := r.summary(); !strings.Contains(sentence, "ahead in 0, level within 5 % in 1, behind in 1.") {
		t.Error(sentence)
	}
	r.Contenders = r.Contenders[:2]
	if sentence, lines := r.summary(); sentence != "" || len(lines) > 0 {
		t.Errorf("%s %v", sentence, lines)
	}
}

func TestTextTableIsAligned(t *testing.T) {
	var b strings.Builder
	res := exampleReport().Results[0]
	res.writeText(&b)
	widths := map[int]bool{}
	for line := range strings.Lines(b.String()) {
		if strings.HasPrefix(line, "  ") && !strings.HasPrefix(line, "  (") {
			widths[len([]rune(line))] = true
		}
	}
	if len(widths) != 1 {
		t.Errorf("lines of %d widths:\n%s", len(widths), b.String())
	}
}

func TestChartIsWellFormedAndWhole(t *testing.T) {
	var b strings.Builder
	exampleReport().writeSVG(&b)
	bars, texts := 0, []string{}
	decoder := xml.NewDecoder(strings.NewReader(b.String()))
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, b.String())
		}
		switch v := token.(type) {
		case xml.StartElement:
			if v.Name.Local == "rect" {
				bars++
			}
		case xml.CharData:
			texts = append(texts, string(v))
		}
	}
	const others = 1 + 4 // the background and the legend
	if bars != others+6 {
		t.Errorf("%d bars, want one for each of 6 contenders with samples", bars-others)
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{"110.0 k (1.10x)", "2.2 KB (0.12x)", "less is better", "a<b>&\"c\""} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in the chart", want)
		}
	}
	if !strings.Contains(b.String(), "prefers-color-scheme: dark") {
		t.Error("no colours for a dark page")
	}
}

func TestEmptyReportIsStillAPage(t *testing.T) {
	var page, chart strings.Builder
	empty := &report{Results: []result{{Row: rows()[0]}}}
	empty.writeMarkdown(&page)
	empty.writeSVG(&chart)
	if !strings.Contains(chart.String(), "</svg>") || !strings.Contains(page.String(), rows()[0].Title) {
		t.Error("incomplete")
	}
}

func TestWriteAndReadBack(t *testing.T) {
	dir := t.TempDir()
	if r, err := readReport(dir); err != nil || len(r.Results) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := exampleReport().write(dir); err != nil {
		t.Fatal(err)
	}
	r, err := readReport(dir)
	if err != nil || len(r.Results) != 2 || r.Results[0].Entries[1].Samples[0].P50 != 9*time.Microsecond {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestFigures(t *testing.T) {
	for want, got := range map[string]string{
		"999":      thousands(999),
		"9999":     thousands(9999),
		"10.0 k":   thousands(10_000),
		"999.9 k":  thousands(999_940),
		"1.00 M":   thousands(999_960),
		"250 B":    bytesOf(250),
		"3.4 KB":   bytesOf(3_400),
		"-3.4 KB":  bytesOf(-3_400),
		"2.1 MB":   bytesOf(2_100_000),
		"8.10 us":  micros(8_100),
		"810 us":   micros(810_000),
		"81.0 ms":  micros(81 * time.Millisecond),
		"8100 ms":  micros(8100 * time.Millisecond),
		"99.99 us": micros(99_990),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
