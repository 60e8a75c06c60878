package dispatch

import "time"

const (
	trial      = 2  // turns on a goroutine of its own for a mailbox that was found to last too long: perhaps the kernel held it up
	maxPenalty = 64 // turns there if it is slow in its trial, or found so again; and how many it takes until the first time is forgotten
)

// penalty is what a mailbox has to bear for turns that lasted too long. A worker that the kernel holds up looks to the watch like a
// handler that blocks, again and again under ordinary load, but hardly ever twice within a few turns of one mailbox.
//
// It is under the dispatcher's lock.
type penalty struct {
	owed   uint8 // quick turns on a goroutine of its own until the mailbox runs among the others again
	record uint8 // turns until the last accusation is forgotten
}

// accuse is called by the watch when a turn has lasted too long.
func (p *penalty) accuse() {
	if p.record > 0 {
		p.owed = maxPenalty
	} else {
		p.owed = max(p.owed, trial)
	}
	p.record = maxPenalty
}

// judge is called after a turn on a goroutine of its own. It reports whether nothing is owed any more.
func (p *penalty) judge(took time.Duration) (free bool) {
	switch {
	case took >= tick:
		p.owed, p.record = maxPenalty, maxPenalty
	case p.owed > 0:
		p.owed--
		p.forget()
	}
	return p.owed == 0
}

// forget counts a turn that was not found to last too long.
func (p *penalty) forget() {
	if p.record > 0 {
		p.record--
	}
}
