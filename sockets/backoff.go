package sockets

import (
	"math/rand/v2"
	"time"
)

// Backoff says how long a client waits before it tries again: a random time between Floor
// and a ceiling that doubles with each attempt in a row that has failed, from First up to
// Cap. All of that range is used (full jitter), so that clients which have lost one server
// in the same moment come back spread. It is a value without state or clock.
type Backoff struct {
	Floor  time.Duration // the least wait: 100 ms
	First  time.Duration // the ceiling of the first wait: 1 s
	Cap    time.Duration // the ceiling at most: 30 s
	Steady time.Duration // a connection that has held for so long makes its loss a first one again: 10 s
}

// Wait returns how long to wait after so many failures in a row, 0 after the first loss of
// a connection that was steady.
func (b Backoff) Wait(failures int) time.Duration { return b.wait(failures, rand.Float64()) }

// wait takes the random number in [0, 1).
func (b Backoff) wait(failures int, random float64) time.Duration {
	floor := or(b.Floor, 100*time.Millisecond)
	ceiling := b.ceiling(failures)
	if ceiling <= floor {
		return floor
	}
	return floor + time.Duration(random*float64(ceiling-floor))
}

func (b Backoff) ceiling(failures int) time.Duration {
	ceiling, most := or(b.First, time.Second), or(b.Cap, 30*time.Second)
	for ; failures > 0 && 0 < ceiling && ceiling < most; failures-- {
		ceiling += min(ceiling, most-ceiling) // twice as much, and no more than most
	}
	return min(ceiling, most)
}

// retries counts the failures of one client.
type retries struct {
	failures int // in a row, of connections that were not steady as well
	attempts int // that have failed since there was a connection
}

// next is how long to wait after a failure: of an attempt, or of a connection that has held.
func (r *retries) next(b *Backoff, held time.Duration) time.Duration {
	if held > 0 {
		r.attempts = 0
		if held >= or(b.Steady, 10*time.Second) {
			r.failures = 0
		}
	} else {
		r.attempts++
	}
	wait := b.Wait(r.failures)
	r.failures++
	return wait
}
