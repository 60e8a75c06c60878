package main

import (
	"math"
	"testing"
	"time"
)

// rated is a sample of one second with that many messages.
func rated(round int, messages uint64) sample {
	return sample{Round: round, Messages: messages, Elapsed: time.Second, CPU: time.Second, Inside: true}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{9, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
	} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
	if got := median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing = %v", got)
	}
}

func TestRatioPairsRounds(t *testing.T) {
	base := &entry{Samples: []sample{rated(0, 100), rated(1, 10), rated(2, 200)}}
	e := &entry{Samples: []sample{rated(0, 110), rated(1, 20), rated(2, 300), rated(3, 9000)}}
	if got := e.ratio(base, sample.rate); got != 1.5 {
		t.Errorf("ratio = %v, want the median of 1.1, 2 and 1.5", got)
	}
	for name, other := range map[string]*entry{"nobody": nil, "no common round": {Samples: []sample{rated(7, 1)}}, "zero": {Samples: []sample{rated(0, 0)}}} {
		if got := e.ratio(other, sample.rate); !math.IsNaN(got) {
			t.Errorf("%s: ratio = %v", name, got)
		}
	}
}

func TestBestIsTheBestGoPeer(t *testing.T) {
	r := result{Row: row{Kind: echoing}, Entries: []entry{
		{Contender: "raw", Kind: "floor", Samples: []sample{rated(0, 900)}},
		{Contender: "slow", Kind: "peer", Samples: []sample{rated(0, 100), rated(1, 5000), rated(2, 101)}},
		{Contender: "quick", Kind: "peer", Samples: []sample{rated(0, 200), rated(1, 210), rated(2, 190)}},
		{Contender: "absent", Kind: "peer"},
		{Contender: "rust", Kind: "other", Samples: []sample{rated(0, 800)}},
		{Contender: "spindrift", Kind: "ours", Samples: []sample{rated(0, 700)}},
	}}
	if best := r.best(); best == nil || best.Contender != "quick" {
		t.Errorf("best = %+v", best)
	}
	if floor := r.floor(); floor == nil || floor.Contender != "raw" {
		t.Errorf("floor = %+v", floor)
	}
	if (&result{}).best() != nil || (&result{}).floor() != nil {
		t.Error("an empty result has a best or a floor")
	}
}

func TestBestForMemoryIsTheSmallest(t *testing.T) {
	r := result{Row: row{Kind: idling}, Entries: []entry{
		{Contender: "large", Kind: "peer", Samples: []sample{{RSS: 17000}}},
		{Contender: "small", Kind: "peer", Samples: []sample{{RSS: 12000}}},
	}}
	if best := r.best(); best.Contender != "small" {
		t.Errorf("best = %s", best.Contender)
	}
}

func TestSampleRates(t *testing.T) {
	s := sample{Messages: 3000, Elapsed: 2 * time.Second, CPU: time.Second}
	if s.rate() != 1500 || s.perCPUSecond() != 3000 || s.serverBusy() != 0.5 || time.Duration(s.cpuPerMessage()) != 333333*time.Nanosecond {
		t.Errorf("%v %v %v %v", s.rate(), s.perCPUSecond(), s.serverBusy(), s.cpuPerMessage())
	}
	var none sample
	if none.rate() != 0 || none.perCPUSecond() != 0 || none.cpuPerMessage() != 0 || none.serverBusy() != 0 {
		t.Error("an empty sample is not zero")
	}
}

func TestMergeReplacesRowsAndKeepsTheOrder(t *testing.T) {
	named := func(id string, messages uint64) result {
		return result{Row: row{ID: id}, Entries: []entry{{Contender: "raw", Samples: []sample{rated(0, messages)}}}}
	}
	old := &report{
		Machine: []string{"old"}, Contenders: []contender{{Name: "raw", About: "old"}, {Name: "gone"}},
		Results: []result{named("echo64", 1), named("idle", 2), named("no longer a row", 3)},
	}
	old.merge(&report{
		Machine: []string{"new"}, Contenders: []contender{{Name: "raw", About: "new"}, {Name: "gws"}},
		Results: []result{named("idle", 4), named("tls", 5)},
	}, rows())
	var got []string
	for _, r := range old.Results {
		got = append(got, r.Row.ID)
	}
	if len(got) != 3 || got[0] != "echo64" || got[1] != "tls" || got[2] != "idle" {
		t.Fatalf("rows %v", got)
	}
	if n := old.Results[2].Entries[0].Samples[0].Messages; n != 4 {
		t.Errorf("idle has %d, want the newer 4", n)
	}
	if old.Machine[0] != "new" || len(old.Contenders) != 3 || old.Contenders[0].About != "new" {
		t.Errorf("%v %+v", old.Machine, old.Contenders)
	}
}
