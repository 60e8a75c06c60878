package sockets

import (
	"iter"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
)

// JoinAfter is Join for a client that was here before: it is sent the messages of the history
// that follow number after, and then all that come, none of them twice and none left out.
// missed is how many there were that the history has no more. A member that joins again is
// sent nothing. What it is sent of the history does not count for MaxOut and MaxBurst of
// RoomOptions until no more than MaxOut waits.
//
// Numbers begin at 1 in each process. One that the room has not reached was another's, before a restart for
// instance, and counts as 0. That a smaller one was, only the program can tell: examples/chat has its clients
// send an epoch as well.
func (r *LocalRoom) JoinAfter(conn *actor.PID, name string, after uint64) (missed uint64, err error) {
	return r.join(conn, name, &after)
}

// Last is the number of the latest message, 0 before the first.
func (r *LocalRoom) Last() uint64 {
	r.lock()
	defer r.unlock()
	return r.stats.Sent
}

// Since iterates over the messages of the history that follow number after, with their
// numbers, oldest first. The frames are the room's: they may be sent, and not be changed,
// released or handed over.
func (r *LocalRoom) Since(after uint64) iter.Seq2[uint64, *frame.Frame] {
	return func(yield func(uint64, *frame.Frame) bool) {
		r.lock()
		first, frames := uint64(0), []*frame.Frame(nil)
		r.since(after, func(n uint64, f *frame.Frame) bool {
			if frames == nil {
				first = n
			}
			frames = append(frames, f)
			return true
		})
		r.unlock()
		for i, f := range frames {
			if !yield(first+uint64(i), f) {
				return
			}
		}
	}
}

// keep remembers the latest message. The lock must be held.
func (r *LocalRoom) keep(f *frame.Frame) {
	switch n := r.limits.History; {
	case n <= 0:
	case len(r.history) < n:
		r.history = append(r.history, f)
	default:
		r.history[(r.stats.Sent-1)%uint64(n)] = f
	}
}

// since calls yield with what the history has after number after. The lock must be held.
func (r *LocalRoom) since(after uint64, yield func(uint64, *frame.Frame) bool) (missed uint64) {
	last, kept := r.stats.Sent, uint64(len(r.history))
	if after > last { // it is of another room
		after = 0
	}
	if last-after > kept {
		missed = last - after - kept
	}
	for i := after + missed + 1; i <= last; i++ {
		if !yield(i, r.history[(i-1)%kept]) {
			break
		}
	}
	return missed
}
