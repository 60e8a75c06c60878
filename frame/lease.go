package frame

import (
	"math/bits"
	"sync"
)

// leased is the size from which payloads that New makes can be used again. For
// smaller ones the garbage collector is as fast, but for those that New puts into
// one allocation with their frame: see small.
const leased = 4 << 10

// lease is a payload's memory on its way around: from a pool into a frame, and
// back by Release. One that is never released is garbage like any other, and no
// leak: so leases are not counted.
type lease struct {
	memory []byte
	given  bool // the connection that sends the frame may release it
}

// leases holds memory by its class.
var leases [4 * bits.UintSize]sync.Pool

// class says which memory serves size bytes, and how much room it has. There are
// four classes between two powers of two: any memory of a class serves all of
// it, and has at most a quarter more than was asked for.
func class(size int) (k, room int) {
	shift := bits.Len(uint(size-1)) - 3
	quarter := (size - 1) >> shift // 4 to 7
	return 4*shift + quarter - 4, (quarter + 1) << shift
}

func newLease(size int) *lease {
	k, room := class(size)
	if l, ok := leases[k].Get().(*lease); ok {
		return l
	}
	return &lease{memory: make([]byte, 0, room)}
}

// Release gives the memory of f and its payload back, to be used for other
// frames: neither may be looked at again, by anyone. It is never needed, and
// saves the garbage collector work when a receiver has done with a frame.
func (f *Frame) Release() {
	l := f.lease
	switch l {
	case nil:
		return
	case inlined, inlinedGiven:
		f.recycle()
		return
	}
	f.lease, f.Payload = nil, nil
	l.given = false
	k, _ := class(cap(l.memory))
	leases[k].Put(l)
}

// Handover is for a receiver that sends a frame on to one connection and has
// then done with it: ctx.Respond(f.Handover()) lets that connection Release f
// when it has written it. Nobody else may have f. It returns f.
func (f *Frame) Handover() *Frame {
	switch f.lease {
	case nil:
	case inlined:
		f.lease = inlinedGiven
	default:
		f.lease.given = true
	}
	return f
}

// HandedOver reports whether f was handed over: it is for one connection only.
func (f *Frame) HandedOver() bool { return f.lease != nil && f.lease.given }

// Sent is for the stage where the way of f ends: it releases one that was handed
// over, and does nothing to others.
func (f *Frame) Sent() {
	if f.HandedOver() {
		f.Release()
	}
}

// Grow makes room for at least size bytes in f's payload. It makes room for want
// if that is no more than four times size, for what a peer declares is not
// believed further; or if memory of that size lies idle.
func (f *Frame) Grow(size, want int) {
	if size <= cap(f.Payload) {
		return
	}
	l := idle(size, want)
	if l == nil {
		most := 4 * size
		if size = max(size, min(want, most)); size < cap(f.Payload)*3/2 { // a message of many frames
			size = min(2*cap(f.Payload), most)
		}
		if size < leased {
			f.Payload = append(make([]byte, 0, size), f.Payload...)
			f.lease = nil
			return
		}
		l = newLease(size)
	}
	payload := append(l.memory[:0], f.Payload...)
	if f.lease != inlined { // that goes on to be this frame
		f.Release()
	}
	f.lease, f.Payload = l, payload
}

// idle returns released memory of want bytes, if there is some and what has
// arrived is worth it.
func idle(size, want int) *lease {
	if size < leased || want <= size {
		return nil
	}
	i, _ := class(want)
	if i >= len(leases) {
		return nil
	}
	l, _ := leases[i].Get().(*lease)
	return l
}
