package main

import (
	"slices"
	"strings"
)

// summaryRows are what somebody who has a minute wants to know, what we are worse at too.
var summaryRows = []string{"echo64x32", "room", "echo64", "echo64k", "upgrades", "idle"}

// short is what the first page shows of a report: some of its rows, each peer with the better of its set-ups, and of ours
// those that a program chooses between.
func (r *report) short() *report {
	short := &report{Machine: r.Machine, Contenders: r.Contenders}
	for _, id := range summaryRows {
		if i := slices.IndexFunc(r.Results, func(res result) bool { return res.Row.ID == id }); i >= 0 {
			short.Results = append(short.Results, r.Results[i].short())
		}
	}
	return short
}

func (r *result) short() result {
	short := result{Row: r.Row, When: r.When}
	for i := range r.Entries {
		if e := &r.Entries[i]; len(e.Samples) > 0 && e.Contender != "spindrift-portable" && !r.hasBetter(e) {
			short.Entries = append(short.Entries, *e)
		}
	}
	return short
}

// hasBetter says whether the other set-up of a peer is better than e.
func (r *result) hasBetter(e *entry) bool {
	name, tuned := strings.CutSuffix(e.Contender, "-tuned")
	if !tuned {
		name += "-tuned"
	}
	other, head := r.entry(name), r.Row.headline()
	return e.Kind == "peer" && other != nil && head.beats(other.median(head.value), e.median(head.value))
}
