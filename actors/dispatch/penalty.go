package dispatch

import (
	"sync/atomic"
	"time"
)

const (
	firstPenalty = 2  // turns that a mailbox makes on a goroutine of its own after a turn that lasted too long: perhaps the kernel held that up
	maxPenalty   = 64 // turns after another such turn that comes soon; and how many turns it takes until the first one is forgotten
)

// penalty is what a mailbox gets for turns that last too long: its next ones run on a goroutine of its own. A worker that the kernel
// holds up looks to the watch like a handler that blocks. That happens again and again under ordinary load, but hardly ever twice within
// a few turns of one mailbox.
//
// It is one word, which is 0 for most mailboxes: how many turns on a goroutine of its own the mailbox owes, how many turns remain until
// the last long one is forgotten, and whether its present turn is to end.
type penalty struct{ word *atomic.Uint32 }

const (
	owedBits       = 8
	rememberedBits = 8
	owedMask       = 1<<owedBits - 1
	rememberedMask = 1<<rememberedBits - 1
	yieldRequested = 1 << (owedBits + rememberedBits)
)

// owed is how many turns it has to make on a goroutine of its own.
func (p penalty) owed() int { return int(p.word.Load() & owedMask) }

// change replaces the two numbers by what f makes of them.
func (p penalty) change(f func(owed, remembered int) (int, int)) (owed int) {
	for {
		old := p.word.Load()
		owed, remembered := f(int(old&owedMask), int(old>>owedBits&rememberedMask))
		if p.word.CompareAndSwap(old, old&yieldRequested|uint32(remembered)<<owedBits|uint32(owed)) {
			return owed
		}
	}
}

// turnIsStuck is called by the watch when a turn has lasted too long.
func (p penalty) turnIsStuck() {
	p.change(func(owed, remembered int) (int, int) {
		if remembered > 0 {
			return maxPenalty, maxPenalty
		}
		return max(owed, firstPenalty), maxPenalty
	})
}

// turnTook is called after a turn on a goroutine of its own. It reports whether nothing is owed any more.
func (p penalty) turnTook(d time.Duration) (free bool) {
	return p.change(func(owed, remembered int) (int, int) {
		if d >= tick {
			return maxPenalty, maxPenalty
		}
		return max(owed-1, 0), remembered
	}) == 0
}

// beginTurn is called when a turn begins.
func (p penalty) beginTurn() {
	if p.word.Load() == 0 {
		return
	}
	p.word.And(^uint32(yieldRequested))
	p.change(func(owed, remembered int) (int, int) { return owed, max(remembered-1, 0) })
}

// requestYield asks the present turn to end after its message.
func (p penalty) requestYield() { p.word.Or(yieldRequested) }

func (p penalty) mustYield() bool { return p.word.Load()&yieldRequested != 0 }
