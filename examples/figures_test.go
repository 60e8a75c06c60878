package examples

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFigures checks that the figures of the pages are those that a target has measured: docs/figures/README.md says how a page
// names the file of a figure.
func TestFigures(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	more, err := filepath.Glob("../*/README.md")
	require.NoError(t, err)
	pages = append(append(pages, more...), "../README.md", "../SECURITY.md", "tools/bench/README.md")
	checked, used := 0, map[string]bool{}
	for _, name := range pages {
		page, err := os.ReadFile(name)
		require.NoError(t, err)
		sources := figureSources.FindAllSubmatch(page, -1)
		text := onOneLine(comments.ReplaceAllString(string(page), ""))
		for _, m := range sources {
			file := filepath.Join(filepath.Dir(name), string(m[1]))
			data, err := os.ReadFile(file)
			require.NoError(t, err, "%s names it", name)
			used[filepath.Clean(file)] = true
			figures := measured(data)
			for line := range strings.Lines(strings.TrimSpace(string(m[2]))) {
				checked++
				assert.NoError(t, checkFigures(text, onOneLine(line), figures), "%s, of %s", name, m[1])
			}
		}
	}
	files, err := filepath.Glob("../docs/figures/*.txt")
	require.NoError(t, err)
	for _, file := range files {
		assert.True(t, used[file], "no page has a figure of %s", file)
	}
	assert.Greater(t, checked, 30)
}

var (
	comments      = regexp.MustCompile(`(?s)<!--.*?-->`)
	figureSources = regexp.MustCompile(`(?s)<!-- figures of (\S+)\n(.*?)-->`)
	placeholder   = regexp.MustCompile(`\{(?:(-?[\d.]+)\.\.([\d.]+) )?([^}]+)\}`)
	cpus          = regexp.MustCompile(`-\d+$`)
)

func onOneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// measured are the figures of a file, by their names: lines of benchmarks by name and unit, tables of a page by heading, row and column.
func measured(file []byte) map[string][]float64 {
	all := map[string][]float64{}
	var heading string
	var columns []string
	for line := range bytes.Lines(file) {
		if bytes.HasPrefix(line, []byte("#")) {
			heading, columns = strings.Trim(string(line), "# \n"), nil
		}
		fields := strings.Fields(string(line))
		if len(fields) > 3 && strings.HasPrefix(fields[0], "Benchmark") {
			for i := 2; i+1 < len(fields); i += 2 {
				if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
					if strings.HasPrefix(fields[i+1], "MB") {
						v *= 1e6
					}
					key := strings.TrimPrefix(fields[0], "Benchmark") + " " + fields[i+1]
					all[key] = append(all[key], v)
				}
			}
		} else if cells := strings.Split(strings.Trim(string(line), "|\n"), "|"); len(cells) > 1 {
			if columns == nil {
				columns = cells
			}
			for i := 1; i < min(len(cells), len(columns)); i++ {
				if m := figure.FindStringSubmatch(strings.TrimLeft(cells[i], " *")); m != nil {
					v, _ := valueOf(m[1], m[2])
					key := heading + ": " + strings.TrimSpace(cells[0]) + ": " + strings.TrimSpace(columns[i])
					all[key] = append(all[key], v)
				}
			}
		}
	}
	// Without -cpu a benchmark's name needs no number of cores.
	for key, values := range all {
		name, unit, _ := strings.Cut(key, " ")
		short := cpus.ReplaceAllString(name, "") + " " + unit
		if _, taken := all[short]; !taken {
			all[short] = values
		}
	}
	return all
}

// number is a number of a page with what it counts, as far as that makes it another number.
const number = `\b(\d[\d,]*(?:\.\d+)?)((?: (?:k|M|KB|MB)\b)?)`

var figure = regexp.MustCompile("^" + number)

// valueOf is the value of a number, and how far the true value may be from it if it was rounded: a zero at the end is no
// digit, behind the first two.
func valueOf(digits, unit string) (value, off float64) {
	digits = strings.ReplaceAll(digits, ",", "")
	value, _ = strconv.ParseFloat(digits, 64)
	scale := map[string]float64{"": 1, " k": 1e3, " KB": 1e3, " M": 1e6, " MB": 1e6}[unit]
	whole, decimals, _ := strings.Cut(digits, ".")
	zeros := len(whole) - max(2, len(strings.TrimRight(whole, "0")))
	digit := math.Pow10(-len(decimals))
	if decimals == "" && zeros > 0 {
		digit = math.Pow10(zeros)
	}
	return value * scale, digit * scale / 2
}

// checkFigures looks for a piece of a page, in which each {name} stands for a number that has to be a figure of the file,
// rounded, and {0.4..0.6 name} for nothing: the figure has to lie between the two.
func checkFigures(page, piece string, figures map[string][]float64) error {
	var want []float64
	var pattern strings.Builder
	last := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(piece, -1) {
		pattern.WriteString(regexp.QuoteMeta(piece[last:m[0]]))
		last = m[1]
		v, err := evaluate(piece[m[6]:m[7]], figures)
		if err != nil {
			return err
		}
		if m[2] < 0 {
			pattern.WriteString(number)
			want = append(want, v)
			continue
		}
		low, _ := strconv.ParseFloat(piece[m[2]:m[3]], 64)
		high, _ := strconv.ParseFloat(piece[m[4]:m[5]], 64)
		if v < low || v > high {
			return fmt.Errorf("%q, but %s is %v", piece[:m[0]], piece[m[6]:m[7]], v)
		}
	}
	pattern.WriteString(regexp.QuoteMeta(piece[last:]))
	found := regexp.MustCompile(pattern.String()).FindAllStringSubmatch(page, -1)
	if len(found) != 1 {
		return fmt.Errorf("%q is %d times on the page", piece, len(found))
	}
	for i, v := range want {
		if said, off := valueOf(found[0][1+2*i], found[0][2+2*i]); math.Abs(said-v) > off*1.0001 {
			return fmt.Errorf("%q: figure %d was measured to be %v", found[0][0], i+1, v)
		}
	}
	return nil
}

// evaluate is the middle of what a file says of a name, or the quotient or difference of two.
func evaluate(name string, figures map[string][]float64) (float64, error) {
	for _, op := range []string{" / ", " - "} {
		if a, b, ok := strings.Cut(name, op); ok {
			x, err := evaluate(a, figures)
			if err != nil {
				return 0, err
			}
			y, err := evaluate(b, figures)
			if op == " / " {
				return x / y, err
			}
			return x - y, err
		}
	}
	values := slices.Sorted(slices.Values(figures[name]))
	if len(values) == 0 {
		return 0, fmt.Errorf("the file has no %q", name)
	}
	return values[len(values)/2], nil
}

// TestInteropTable checks that the table of docs/compatibility.md is the one that make interop has written.
func TestInteropTable(t *testing.T) {
	page, err := os.ReadFile("../docs/compatibility.md")
	require.NoError(t, err)
	results, err := os.ReadFile("tools/interop/results.md")
	require.NoError(t, err)
	_, peers, _ := strings.Cut(string(results), "## Peers\n")
	peers, _, _ = strings.Cut(peers, "\n## ")
	require.Greater(t, strings.Count(peers, "\n| "), 5)
	assert.Contains(t, string(page), strings.TrimSpace(peers), "copy it")
}

// The test of the test: a figure that is not the file's is found.
func TestCheckFigures(t *testing.T) {
	file := measured([]byte("BenchmarkA/x-2 1 2205 B/conn 0.25 ms\nBenchmarkB 1 99 ns/op\nBenchmarkB-2 1 55 ns/op\n\n## Row\n\n| a | b |\n| --- | --- |\n| us | 12.5 k † | \n"))
	for piece, page := range map[string]string{
		"costs {A/x B/conn}.":                   "it costs 2.2 KB. Or",
		"costs {A/x B/conn} bytes":              "it costs 2,200 bytes. Or",
		"costs {A/x B/conn} or":                 "it costs 2,205 or",
		"{B ns/op} and {B-2 ns/op}":             "99 and 55",
		"{B ns/op / B-2 ns/op} x":               "1.8 x",
		"half{0.4..0.6 B-2 ns/op / B ns/op} of": "half of",
		"{Row: us: b} a second":                 "12.5 k a second",
	} {
		assert.NoError(t, checkFigures(page, piece, file))
	}
	for piece, page := range map[string]string{
		"costs {A/x B/conn}.":                    "it costs 2.3 KB. Or",
		"costs {A/x B/conn} bytes":               "it costs 2,300 bytes.",
		"costs {A/x B/conn} or":                  "it costs 2,204 or",
		"{B ns/op} and {B-2 ns/op}":              "99 and 99",
		"{A/x ms} ms":                            "0.25 ms, then 0.25 ms",
		"{C ns/op} ns":                           "1 ns",
		"fifth{0.1..0.3 B-2 ns/op / B ns/op} of": "fifth of",
		"{Row: us: b} a second":                  "11 k a second",
	} {
		assert.Error(t, checkFigures(page, piece, file), piece)
	}
}
