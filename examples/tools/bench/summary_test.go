package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestSummaryHasTheBetterSetUpOfEachPeer(t *testing.T) {
	all, err := readReport("results")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range summaryRows {
		if !slices.ContainsFunc(rows(), func(r row) bool { return r.ID == id }) {
			t.Errorf("there is no row %q", id)
		}
	}
	for _, res := range all.short().Results {
		best := res.best()
		if best == nil {
			t.Errorf("%s: no peer is left", res.Row.ID)
			continue
		}
		i := slices.IndexFunc(all.Results, func(r result) bool { return r.Row.ID == res.Row.ID })
		if whole := all.Results[i].best(); whole.Contender != best.Contender {
			t.Errorf("%s: the best peer is %s, the summary has %s", res.Row.ID, whole.Contender, best.Contender)
		}
		peers := map[string]bool{}
		for _, e := range res.Entries {
			name := strings.TrimSuffix(e.Contender, "-tuned")
			if e.Kind == "peer" && peers[name] {
				t.Errorf("%s has %s twice", res.Row.ID, name)
			}
			peers[name] = true
		}
	}
}

// The charts that are committed are those of the samples beside them.
func TestChartsAreOfTheSamples(t *testing.T) {
	r, err := readReport("results")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{chartFile, summaryFile} {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(filepath.Join("results", name)); err != nil || !bytes.Equal(got, want) {
			t.Errorf("results/%s is not what results.json makes: %v", name, err)
		}
	}
}
