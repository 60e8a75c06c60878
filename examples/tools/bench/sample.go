package main

import "time"

// A sample is what one contender did in one row in one round.
type sample struct {
	Round int `json:"round"`

	Messages uint64        `json:"messages,omitempty"`
	Elapsed  time.Duration `json:"elapsed,omitempty"`
	CPU      time.Duration `json:"cpu,omitempty"` // the server's, within Elapsed
	P50      time.Duration `json:"p50,omitempty"`
	P99      time.Duration `json:"p99,omitempty"`
	P999     time.Duration `json:"p999,omitempty"`
	LoadBusy float64       `json:"loadBusy,omitempty"` // share of the time in which the load had something to do
	Others   float64       `json:"others,omitempty"`   // cores that the rest of the machine used meanwhile
	Bound    bool          `json:"bound,omitempty"`    // the load was the limit
	Unpacked bool          `json:"unpacked,omitempty"` // deflate was agreed, but answers came uncompressed

	Inside bool    `json:"inside"`           // the server told about itself: the fields below that say so are known
	Allocs float64 `json:"allocs,omitempty"` // per message; from inside

	// For idle connections, each per connection. Of a room the first is known.
	RSS        float64 `json:"rss,omitempty"`
	RSSFreed   float64 `json:"rssFreed,omitempty"`   // after memory was given back; from inside
	Live       float64 `json:"live,omitempty"`       // heap and stack after a collection; from inside
	Goroutines float64 `json:"goroutines,omitempty"` // from inside
}

func (s sample) rate() float64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return float64(s.Messages) / s.Elapsed.Seconds()
}

// serverBusy returns the share of its core that the server used.
func (s sample) serverBusy() float64 {
	if s.Elapsed <= 0 {
		return 0
	}
	return float64(s.CPU) / float64(s.Elapsed)
}

func (s sample) perCPUSecond() float64 {
	if s.CPU <= 0 {
		return 0
	}
	return float64(s.Messages) / s.CPU.Seconds()
}

func (s sample) cpuPerMessage() float64 {
	if s.Messages == 0 {
		return 0
	}
	return float64(s.CPU) / float64(s.Messages)
}
