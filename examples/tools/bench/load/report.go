package load

import (
	"sync/atomic"
	"time"
)

// Window says when to measure, and who wants to know.
type Window struct {
	Warmup   time.Duration // load before the measured time
	Duration time.Duration // the measured time, longer if it brought no answer

	// Sleep lets the load sleep while there is nothing to do. Without it the load keeps its core busy, so that no server
	// pays for waking it up; that is wrong where server and load share a core.
	Sleep bool

	// Begin and End are called on the load's own thread as the measured time begins and ends; nil is fine. While they
	// run nothing is sent, so they must be quick.
	Begin, End func()

	// Answered counts answers from the first one on, for anyone to read meanwhile; nil is fine.
	Answered *atomic.Uint64
}

// Report is what one run saw within its measured time.
type Report struct {
	Messages uint64        // answers that arrived whole
	Elapsed  time.Duration // the measured time as it turned out
	CPU      time.Duration // CPU time of this process, all of Elapsed unless it slept
	Worked   time.Duration // the part of Elapsed in which the load had something to do
	Latency  Histogram     // from just before a message was first written to after its answer was read
	Packed   bool          // at least one answer was compressed
}

// bound is the share of the time above which the load, not the server, limits the run.
const bound = 0.9

// Rate returns the answers per second.
func (r *Report) Rate() float64 { return perUnit(float64(r.Messages), r.Elapsed.Seconds()) }

// Busy returns the share of the time in which the load had something to do.
func (r *Report) Busy() float64 { return perUnit(r.Worked.Seconds(), r.Elapsed.Seconds()) }

// Bound reports whether the load was nearly always at work, so that the server might have done more.
func (r *Report) Bound() bool { return r.Busy() > bound }

func perUnit(n, of float64) float64 {
	if of <= 0 {
		return 0
	}
	return n / of
}
