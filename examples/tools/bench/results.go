package main

import (
	"math"
	"slices"
	"time"
)

// An entry is one contender's line in a row.
type entry struct {
	Contender string   `json:"contender"`
	Kind      string   `json:"kind"`
	Samples   []sample `json:"samples"`
	Failure   string   `json:"failure,omitempty"` // why rounds are missing
}

// A result is one row with everyone who was in it.
type result struct {
	Row     row       `json:"row"`
	When    time.Time `json:"when"`
	Entries []entry   `json:"entries"`
}

func (r *result) entry(name string) *entry {
	for i := range r.Entries {
		if r.Entries[i].Contender == name {
			return &r.Entries[i]
		}
	}
	return nil
}

// median returns the middle of the values, NaN when there are none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}

func (e *entry) median(value func(sample) float64) float64 {
	values := make([]float64, 0, len(e.Samples))
	for _, s := range e.Samples {
		values = append(values, value(s))
	}
	return median(values)
}

// ratio returns the median over the rounds that both have of value(e) / value(base), NaN when there is no such round.
// Pairs of one round were measured minutes apart at most, so a machine that is slow for a while is slow for both.
func (e *entry) ratio(base *entry, value func(sample) float64) float64 {
	if base == nil {
		return math.NaN()
	}
	var ratios []float64
	for _, s := range e.Samples {
		i := slices.IndexFunc(base.Samples, func(b sample) bool { return b.Round == s.Round })
		if i < 0 {
			continue
		}
		if of := value(base.Samples[i]); of != 0 {
			ratios = append(ratios, value(s)/of)
		}
	}
	return median(ratios)
}

// best returns the Go peer with the best median headline, nil when there is none.
func (r *result) best() *entry {
	head := r.Row.headline()
	var best *entry
	for i := range r.Entries {
		e := &r.Entries[i]
		if e.Kind != "peer" || len(e.Samples) == 0 {
			continue
		}
		if best == nil || head.beats(e.median(head.value), best.median(head.value)) {
			best = e
		}
	}
	return best
}

func (r *result) floor() *entry {
	i := slices.IndexFunc(r.Entries, func(e entry) bool { return e.Kind == "floor" })
	if i < 0 {
		return nil
	}
	return &r.Entries[i]
}

func (h headline) beats(a, b float64) bool {
	if h.lessWins {
		return a < b
	}
	return a > b
}
