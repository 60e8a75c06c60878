package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// groupTitles says what the first number of a case id stands for.
var groupTitles = map[string]string{
	"1":  "framing",
	"2":  "pings and pongs",
	"3":  "reserved bits",
	"4":  "opcodes",
	"5":  "fragmentation",
	"6":  "UTF-8",
	"7":  "closing",
	"9":  "limits and speed",
	"10": "automatic fragments",
	"12": "compression, five kinds of data",
	"13": "compression, seven negotiations",
}

// groupOf returns the part of a case id before its first dot.
func groupOf(id string) string {
	group, _, _ := strings.Cut(id, ".")
	return group
}

// compareCases orders case ids by their numbers: 1.2.10 after 1.2.9.
func compareCases(a, b string) int {
	byNumber := func(x, y string) int {
		i, errI := strconv.Atoi(x)
		j, errJ := strconv.Atoi(y)
		if errI != nil || errJ != nil {
			return cmp.Compare(x, y)
		}
		return cmp.Compare(i, j)
	}
	return slices.CompareFunc(strings.Split(a, "."), strings.Split(b, "."), byNumber)
}

// A selection says which of the known cases to run. Its zero value is all of them.
type selection struct {
	patterns []string // ids, groups ("6", "6.4") or globs ("6.*"); empty is every case
	thin     bool     // leave most of 12.* and 13.* out
}

// whole reports whether nothing is left out.
func (s selection) whole() bool { return len(s.patterns) == 0 && !s.thin }

// choose returns the selected ones of the known cases, in order. A pattern that selects nothing is
// an error: it is most likely a slip, and an empty run would look like success.
func (s selection) choose(known []string) ([]string, error) {
	chosen := known
	if len(s.patterns) > 0 {
		chosen = nil
		for _, pattern := range s.patterns {
			matching := filter(known, func(id string) bool { return matches(pattern, id) })
			if len(matching) == 0 {
				return nil, fmt.Errorf("no case matches %q", pattern)
			}
			chosen = append(chosen, matching...)
		}
	}
	if s.thin {
		chosen = filter(chosen, keptWhenThin)
	}
	chosen = slices.Clone(chosen)
	slices.SortFunc(chosen, compareCases)
	chosen = slices.Compact(chosen)
	if len(chosen) == 0 {
		return nil, fmt.Errorf("a thin run leaves out all of %s", strings.Join(s.patterns, " "))
	}
	return chosen, nil
}

func filter(ids []string, keep func(string) bool) []string {
	var kept []string
	for _, id := range ids {
		if keep(id) {
			kept = append(kept, id)
		}
	}
	return kept
}

// matches reports whether pattern names the case id itself, a group that holds it, or, with stars
// that stand for anything, its spelling.
func matches(pattern, id string) bool {
	if !strings.Contains(pattern, "*") {
		return id == pattern || strings.HasPrefix(id, pattern+".")
	}
	parts := strings.Split(pattern, "*")
	rest, found := strings.CutPrefix(id, parts[0])
	if !found {
		return false
	}
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}

// keptWhenThin is the fixed selection of a thin run. The twelve groups 12.1 to 13.7 send the same
// eighteen shapes of message and take nearly all the time; of each group it keeps the first
// (16 bytes), the fifth (4 KiB), the eighth (32 KiB, as much as the largest window) and the twelfth
// (16 KiB in fragments of 256 bytes). Everything else stays, 9.* too: that takes seconds.
func keptWhenThin(id string) bool {
	numbers := strings.Split(id, ".")
	if numbers[0] != "12" && numbers[0] != "13" {
		return true
	}
	return slices.Contains([]string{"1", "5", "8", "12"}, numbers[len(numbers)-1])
}
