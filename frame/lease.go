package frame

import (
	"math/bits"
	"sync"
)

// leased is the size from which payloads that New makes can be used again. For
// smaller ones the garbage collector is as fast.
const leased = 4 << 10

// lease is a payload's memory on its way around: from a pool into a frame, and
// back when the last owner has given the frame up. One that is never given back is
// garbage like any other, and no leak: so leases are not counted.
type lease struct {
	memory []byte
	lender Memory // who has it back in place of leases; nil: they do
	lent   bool   // to a borrowed frame, and not taken
}

// leases holds memory by its class.
var leases [4 * bits.UintSize]sync.Pool

// class says which memory serves size bytes, and what its capacity is. There are
// four classes between two powers of two: any memory of a class serves all of
// it, and has at most a quarter more than was asked for.
func class(size int) (k, capacity int) {
	shift := bits.Len(uint(size-1)) - 3
	quarter := (size - 1) >> shift // 4 to 7
	return 4*shift + quarter, (quarter + 1) << shift
}

func newLease(size int) *lease {
	k, capacity := class(size)
	if l, ok := leases[k].Get().(*lease); ok {
		return l
	}
	return &lease{memory: make([]byte, 0, capacity)}
}

// giveBack lets memory be used by another frame. In a debug build it is never used
// again, so that who still looks at it finds what poison has left.
func (l *lease) giveBack() {
	if l.lender != nil {
		l.lender.Free()
		return
	}
	if Debug {
		poison(l.memory)
		return
	}
	k, _ := class(cap(l.memory))
	leases[k].Put(l)
}

// growthLimit is how much memory Grow takes for a message at most, in multiples of
// the bytes that have arrived (rounding adds up to a quarter).
const growthLimit = 4

// Grow is for a stage that collects a message in a frame of its own. It makes space
// for at least size bytes in f's payload, and for want bytes if that is no more than
// four times size: what a peer declares is not believed further. Under 4 KiB it makes
// space for no more than twice size.
func (f *Frame) Grow(size, want int) {
	held := cap(f.Payload)
	if size <= held {
		return
	}
	most := growthLimit * size
	if size < leased {
		most = 2 * size
	}
	if size = max(size, min(want, most)); size < held*3/2 { // a message of many frames
		size = min(2*held, most)
	}
	before := f.lease
	if size < leased {
		f.Payload = append(make([]byte, 0, size), f.Payload...)
		f.lease = nil
	} else {
		f.lease = newLease(size)
		f.Payload = append(f.lease.memory[:0], f.Payload...)
	}
	if before != nil {
		before.giveBack()
	}
}
