package main

import (
	"bytes"
	"debug/buildinfo"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/examples/tools/bench/load"
)

// smallRows are one row of each kind, small enough for a test.
var smallRows = []row{
	{ID: "echo", Kind: echoing, Conns: 4, InFlight: 3, Size: 300},
	{ID: "large", Kind: echoing, Conns: 2, InFlight: 1, Size: 1 << 20},
	{ID: "deflate", Kind: echoing, Conns: 4, InFlight: 1, Size: 1024, Deflate: true},
	{ID: "tls", Kind: echoing, Conns: 4, InFlight: 1, Size: 64, TLS: true},
	{ID: "broadcast", Kind: broadcasting, Conns: 8, InFlight: 1, Size: 64},
	{ID: "broadcast8", Kind: broadcasting, Conns: 20, InFlight: 8, Size: 64},
	{ID: "room", Kind: rooming, Conns: 12, InFlight: 3, Size: 512},
	{ID: "roomslow", Kind: rooming, Conns: 8, Slow: 1, InFlight: 2, Size: 512},
	{ID: "upgrades", Kind: upgrading, Conns: 4},
	{ID: "http", Kind: requesting, Conns: 4, InFlight: 1},
	{ID: "http2", Kind: echoing, Conns: 12, InFlight: 3, Size: 300, Streams: 4},
	{ID: "idleh2", Kind: idling, Conns: 20, InFlight: 1, Size: 64, Streams: 5},
	{ID: "http-actor", Kind: asking, Conns: 4, InFlight: 1},
	{ID: "idle", Kind: idling, Conns: 20, InFlight: 1, Size: 64},
}

// Every Go contender is built, started, loaded and stopped for each kind of row that it takes.
func TestEveryGoContenderInEveryKindOfRow(t *testing.T) {
	contenders, err := goContenders(t.Context(), t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"raw", "gorilla", "nbio"} {
		if !slices.ContainsFunc(contenders, func(c contender) bool { return c.Name == name }) {
			t.Errorf("no contender %s", name)
		}
	}
	cores, err := permittedCores()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		serverCore: cores[0], rounds: 1, warmup: time.Millisecond, duration: 20 * time.Millisecond, settle: time.Millisecond,
		opcode: load.Text, progress: func(line string) { t.Log(line) },
	}
	if testing.Short() {
		contenders = slices.DeleteFunc(contenders, func(c contender) bool {
			return !slices.Contains([]string{"raw", "raw-http2", "gorilla", "nbio", "nethttp"}, c.Name)
		})
	}
	for _, r := range smallRows {
		res, err := b.run(t.Context(), r, contenders)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range res.Entries {
			if e.Failure != "" || len(e.Samples) != 1 {
				t.Errorf("%s, %s: %d samples, %s", r.ID, e.Contender, len(e.Samples), e.Failure)
				continue
			}
			s := e.Samples[0]
			if r.Kind != idling && (s.Messages == 0 || s.CPU == 0 || s.P50 == 0) {
				t.Errorf("%s, %s: %+v", r.ID, e.Contender, s)
			}
			if r.Kind == idling && s.Live == 0 {
				t.Errorf("%s, %s: %+v", r.ID, e.Contender, s)
			}
			if s.Unpacked {
				t.Errorf("%s, %s: answers were not compressed", r.ID, e.Contender)
			}
		}
		if len(res.Entries) == 0 {
			t.Errorf("%s: nobody took part", r.ID)
		}
	}
}

// What nbio allocates as it is loaded would be in the heap of every contender of a program that links it.
func TestOthersDoNotLinkNBIO(t *testing.T) {
	dir := t.TempDir()
	if _, err := goContenders(t.Context(), dir, false); err != nil {
		t.Fatal(err)
	}
	for program, links := range map[string]bool{"server": false, "nbio": true} {
		info, err := buildinfo.ReadFile(filepath.Join(dir, program))
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(info.Deps, func(m *debug.Module) bool { return m.Path == "github.com/lesismal/nbio" }); got != links {
			t.Errorf("%s links nbio: %t, want %t", program, got, links)
		}
	}
}

// A profile takes longer than this window, and the server is not stopped before it is there.
func TestProfileIsWhole(t *testing.T) {
	contenders, err := goContenders(t.Context(), t.TempDir(), true)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := choose(contenders, "raw", func(c contender) string { return c.Name })
	if err != nil {
		t.Fatal(err)
	}
	cores, err := permittedCores()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{
		serverCore: cores[0], rounds: 1, duration: 20 * time.Millisecond, opcode: load.Text, profiles: t.TempDir(),
		progress: func(line string) { t.Log(line) },
	}
	if _, err := b.run(t.Context(), smallRows[0], raw); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(b.profiles, "echo-raw-1.pprof"))
	if gzip := []byte{0x1f, 0x8b}; err != nil || !bytes.HasPrefix(got, gzip) {
		t.Errorf("%d bytes of profile, %v", len(got), err)
	}
}

func TestEstimate(t *testing.T) {
	b := &bench{rounds: 3, warmup: time.Second, otherWarm: 5 * time.Second, duration: 2 * time.Second}
	row := []row{{ID: "echo", Kind: echoing}}
	goes := contender{Kind: "peer", Rows: []string{"echo"}}
	other := contender{Kind: "other", Rows: []string{"echo"}}
	n, short := b.estimate(row, []contender{goes, {Kind: "peer"}})
	m, long := b.estimate(row, []contender{other})
	if n != 3 || m != 3 || short < 9*time.Second || long-short != 12*time.Second {
		t.Errorf("%d in %v, %d in %v", n, short, m, long)
	}
}
