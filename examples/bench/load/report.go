package load

import (
	"sync/atomic"
	"time"
)

// Window says when to measure, and who wants to know.
type Window struct {
	Warmup   time.Duration // load before the measured time
	Duration time.Duration // the measured time, longer if it brought no answer

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
	CPU      time.Duration // CPU time of this process
	Latency  Histogram     // from just before a message was first written to after its answer was read
	Packed   bool          // at least one answer was compressed
}

// bound is the share of its core above which the load, not the server, limits the run.
const bound = 0.9

// Rate returns the answers per second.
func (r *Report) Rate() float64 { return perUnit(float64(r.Messages), r.Elapsed.Seconds()) }

// Busy returns the share of one core that the load itself used.
func (r *Report) Busy() float64 { return perUnit(r.CPU.Seconds(), r.Elapsed.Seconds()) }

// Bound reports whether the load was nearly out of its own CPU time, so that the server might have done more.
func (r *Report) Bound() bool { return r.Busy() > bound }

// CPUPerMessage returns the load's own CPU time for each answer.
func (r *Report) CPUPerMessage() time.Duration {
	return time.Duration(perUnit(float64(r.CPU), float64(r.Messages)))
}

func perUnit(n, of float64) float64 {
	if of <= 0 {
		return 0
	}
	return n / of
}
