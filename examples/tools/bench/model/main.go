// Command model reckons what one message in flight on each connection comes to on more cores than there are here: messages a second
// of Spindrift as it is, of the same with one lock and one poller, and of a goroutine for each connection.
//
// A core is a customer of a closed queueing network: it works by itself for most of a message, and queues for what only one core at a
// time can do. Exact mean value analysis gives the rate. It knows nothing of memory, caches and the kernel's own locks, which are taken
// to scale; so it tells where a design stops, not what a machine reaches.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// What was measured: see "Many cores" in the README for the commands.
const (
	message      = 6800 * time.Nanosecond // CPU of an echoed message, 64 B, one in flight
	dearer       = 1.05                   // the same with a goroutine for each connection
	contended    = 75 * time.Nanosecond   // a lock that others want too
	event        = 160 * time.Nanosecond  // a poller's work for an event, mailboxes warm in its cache
	coldEvent    = 300 * time.Nanosecond  // not warm
	oneQueue     = 5.2                    // shared locks a message, when all turns waited in one queue
	lanes        = 0.18                   // shared locks a message
	runtimeShare = 50 * time.Nanosecond   // of a message in what Go's scheduler and its poller do one at a time: assumed
	groupWidth   = 8                      // cores that share a lock and a poller
)

// station is something that one core at a time can do, and how long each message keeps it.
type station time.Duration

// rate is how many messages a second so many cores handle, each of which takes work besides the stations.
func rate(cores int, work time.Duration, stations []station) float64 {
	queue := make([]float64, len(stations)) // mean number of cores there
	x := 0.0                                // messages a nanosecond
	for n := 1; n <= cores; n++ {
		cycle := float64(work)
		stay := make([]float64, len(stations))
		for i, s := range stations {
			stay[i] = float64(s) * (1 + queue[i])
			cycle += stay[i]
		}
		x = float64(n) / cycle
		for i := range stations {
			queue[i] = x * stay[i]
		}
	}
	return x * 1e9
}

// each has n stations share what a message costs at them.
func each(n int, cost time.Duration) (s []station) {
	for range n {
		s = append(s, station(cost/time.Duration(n)))
	}
	return s
}

func times(n float64, d time.Duration) time.Duration { return time.Duration(n * float64(d)) }

// design is a way to run connections.
type design struct {
	name     string
	work     time.Duration
	stations func(cores int) []station
}

func designs() []design {
	spindrift := func(event time.Duration) func(cores int) []station {
		return func(cores int) []station {
			groups := (cores + groupWidth - 1) / groupWidth
			return append(each(groups, times(lanes, contended)), each(groups, event)...)
		}
	}
	ours := func(event, locks time.Duration) time.Duration { return message - event - locks }
	return []design{
		{"one queue, one poller", ours(event, times(oneQueue, contended)), func(int) []station {
			return []station{station(times(oneQueue, contended)), station(event)}
		}},
		{"lanes, one group and one poller", ours(event, times(lanes, contended)), func(int) []station {
			return []station{station(times(lanes, contended)), station(event)}
		}},
		{"as it is: groups of eight", ours(event, times(lanes, contended)), spindrift(event)},
		{"as it is, mailboxes cold", ours(event, times(lanes, contended)), spindrift(coldEvent)},
		{"a goroutine a connection", times(dearer, message) - runtimeShare, func(int) []station { return []station{station(runtimeShare)} }},
	}
}

func main() {
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: model\n\nReckons messages a second, 64 B and one in flight, on 8 to 64 cores.")
	}
	flag.Parse()
	counts := []int{8, 16, 32, 64}
	fmt.Print("\n## Model: million messages/s\n\n| cores |")
	for _, n := range counts {
		fmt.Printf(" %d |", n)
	}
	fmt.Println("\n| --- |" + strings.Repeat(" ---: |", len(counts)))
	for _, d := range designs() {
		fmt.Printf("| %s |", d.name)
		for _, n := range counts {
			fmt.Printf(" %.2f |", rate(n, d.work, d.stations(n))/1e6)
		}
		fmt.Println()
	}
}
