package main

import (
	"math"
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	const us = time.Microsecond
	for name, test := range map[string]struct {
		got, want, within float64
	}{
		"one core, nothing shared":       {rate(1, us, nil), 1e6, 1e-9},
		"eight":                          {rate(8, us, nil), 8e6, 1e-9},
		"nobody to wait for":             {rate(1, us/2, []station{station(us / 2)}), 1e6, 1e-9},
		"half of the time another waits": {rate(2, us/2, []station{station(us / 2)}), 2 / 1.25e-6, 1e-9},
		"what is serial bounds it":       {rate(1000, us, []station{station(us / 10)}), 1e7, 0.001},
	} {
		if math.Abs(test.got-test.want) > test.within*test.want {
			t.Errorf("%s: %g messages a second, want %g", name, test.got, test.want)
		}
	}
}

// What the README says of where designs stop.
func TestDesigns(t *testing.T) {
	at := func(name string, cores int) float64 {
		for _, d := range designs() {
			if d.name == name {
				return rate(cores, d.work, d.stations(cores))
			}
		}
		t.Fatal(name)
		return 0
	}
	if at("one queue, one poller", 64) > 2.6e6 || at("lanes, one group and one poller", 64) > 6.3e6 {
		t.Error("one lock, or one poller, for 64 cores")
	}
	for _, cores := range []int{8, 16, 32, 64} {
		for _, name := range []string{"as it is: groups of eight", "as it is, mailboxes cold"} {
			if ratio := at(name, cores) / at("a goroutine a connection", cores); ratio < 0.95 {
				t.Errorf("%s, %d cores: %.2f of a goroutine a connection", name, cores, ratio)
			}
		}
	}
}
