package main

import (
	"slices"
	"strings"
	"testing"
)

func TestTakes(t *testing.T) {
	c := contender{Rows: []string{"echo", "tls"}}
	var taken []string
	for _, r := range rows() {
		if c.takes(r) {
			taken = append(taken, r.ID)
		}
	}
	want := "echo64 echo64x32 echo64c5000 echo64x32c5000 echo512 echo8k echo64k echo1m tls upgrades idle"
	if got := strings.Join(taken, " "); got != want {
		t.Errorf("takes %s, want %s", got, want)
	}
}

func TestChoose(t *testing.T) {
	same := func(s string) string { return s }
	all := []string{"a", "b", "c"}
	if got, err := choose(all, "", same); err != nil || !slices.Equal(got, all) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := choose(all, "c, a", same); err != nil || !slices.Equal(got, []string{"c", "a"}) {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := choose(all, "a,d", same); err == nil || !strings.Contains(err.Error(), "a, b, c") {
		t.Errorf("%v", err)
	}
}

func TestOutsider(t *testing.T) {
	c, err := outsider("uws=/opt/uws -p {port} --also={port}")
	if err != nil || c.Name != "uws" {
		t.Fatalf("%+v, %v", c, err)
	}
	argv, announces := c.command(row{}, 4711)
	if announces || !slices.Equal(argv, []string{"sh", "-c", "exec /opt/uws -p 4711 --also=4711"}) {
		t.Errorf("%q, %t", argv, announces)
	}
	for _, bad := range []string{"", "uws", "=x {port}", "uws=/opt/uws"} {
		if _, err := outsider(bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

func TestRowsHaveNamesOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		if seen[r.ID] || r.Title == "" || r.Conns == 0 {
			t.Errorf("row %+v", r)
		}
		seen[r.ID] = true
	}
}
