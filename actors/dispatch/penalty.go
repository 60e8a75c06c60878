package dispatch

import (
	"sync/atomic"
	"time"
)

const (
	trial      = 2  // turns that a mailbox makes on a goroutine of its own when it is found to last too long: perhaps the kernel held it up
	maxPenalty = 64 // turns if it is found so again, or slow in its trial; and how many it takes until the first time is forgotten
)

// penalty is what a mailbox has to bear for turns that lasted too long. A worker that the kernel holds up looks to the watch like a
// handler that blocks, again and again under ordinary load, but hardly ever twice within a few turns of one mailbox.
//
// It is one word, so that an innocent one is known by one look: the turns on a goroutine of its own that the mailbox owes, those until
// the last accusation is forgotten, and whether its present turn is to end.
type penalty struct{ word *atomic.Uint32 }

const (
	owedBits       = 8
	recordBits     = 8
	owedMask       = 1<<owedBits - 1
	recordMask     = 1<<recordBits - 1
	yieldRequested = 1 << (owedBits + recordBits)
)

// owed is how many turns it has to make on a goroutine of its own.
func (p penalty) owed() int { return int(p.word.Load() & owedMask) }

// change replaces what is owed and the record by what f makes of them.
func (p penalty) change(f func(owed, record int) (int, int)) (owed int) {
	for {
		old := p.word.Load()
		owed, record := f(int(old&owedMask), int(old>>owedBits&recordMask))
		if p.word.CompareAndSwap(old, old&yieldRequested|uint32(record)<<owedBits|uint32(owed)) {
			return owed
		}
	}
}

// accuse is called by the watch when a turn has lasted too long.
func (p penalty) accuse() {
	p.change(func(owed, record int) (int, int) {
		if record > 0 {
			return maxPenalty, maxPenalty
		}
		return max(owed, trial), maxPenalty
	})
}

// judge is called after a turn on a goroutine of its own. It reports whether nothing is owed any more.
func (p penalty) judge(took time.Duration) (free bool) {
	return p.change(func(owed, record int) (int, int) {
		if took >= tick {
			return maxPenalty, maxPenalty
		}
		return max(owed-1, 0), record
	}) == 0
}

// beginTurn is called when a turn begins.
func (p penalty) beginTurn() {
	if p.word.Load() == 0 {
		return
	}
	p.word.And(^uint32(yieldRequested))
	p.change(func(owed, record int) (int, int) { return owed, max(record-1, 0) })
}

// requestYield asks the present turn to end after its message.
func (p penalty) requestYield() { p.word.Or(yieldRequested) }

func (p penalty) mustYield() bool { return p.word.Load()&yieldRequested != 0 }
