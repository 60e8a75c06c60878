package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
)

// readExpectation reads a file that holds, for every case, its behavior and its behaviorClose.
func readExpectation(path string) (verdicts, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var pairs map[string][2]string
	if err := json.Unmarshal(data, &pairs); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	expected := verdicts{}
	for id, pair := range pairs {
		expected[id] = verdict{Behavior: pair[0], Close: pair[1]}
	}
	return expected, nil
}

// writeExpectation writes v to path, a case a line and in the order of their numbers, so that a
// change of one verdict is a change of one line.
func writeExpectation(path string, v verdicts) error {
	var out bytes.Buffer
	out.WriteString("{")
	for i, id := range v.cases() {
		if i > 0 {
			out.WriteString(",")
		}
		fmt.Fprintf(&out, "\n  %q: [%q, %q]", id, v[id].Behavior, v[id].Close)
	}
	out.WriteString("\n}\n")
	return os.WriteFile(path, out.Bytes(), 0o644)
}

// cases returns the ids of v in order.
func (v verdicts) cases() []string {
	return slices.SortedFunc(maps.Keys(v), compareCases)
}

// A difference is a case that did not go as expected. Either side may be the zero verdict: want
// for a case nobody knew, got for one that was never judged.
type difference struct {
	id        string
	want, got verdict
}

// compare returns the differences among the chosen cases, and any case that was judged without
// having been chosen, in order.
func compare(want, got verdicts, chosen []string) []difference {
	ids := slices.Clone(chosen)
	for id := range got {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, compareCases)
	var differing []difference
	for _, id := range slices.Compact(ids) {
		if want[id] != got[id] || !slices.Contains(chosen, id) {
			differing = append(differing, difference{id: id, want: want[id], got: got[id]})
		}
	}
	return differing
}

// update returns the expectation that accepts got for the chosen cases and keeps the others. A
// chosen case without a verdict keeps its old one: a run that broke off accepts nothing.
func update(old, got verdicts) verdicts {
	updated := verdicts{}
	maps.Copy(updated, old)
	maps.Copy(updated, got)
	return updated
}
