package sockets

import (
	"time"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/pipeline"
)

// membership is a connection in a LocalRoom. All but the Subscription is under the room's lock.
type membership struct {
	actors.Subscription
	room      *LocalRoom
	name      string
	index     int         // in room.members; negative: it has left
	departed  *membership // the one that ended before, see LocalRoom.departed
	behind    time.Time   // since when more waits than RoomOptions.MaxOut; zero: it does not
	allowance int         // bytes of the history that may wait besides, until no more than MaxOut does
}

// Ended makes membership an actors.Subscriber. A turn of the connection's calls it, which does
// not wait for the room's lock: a message may be on its way to thousands.
func (m *membership) Ended() {
	r := m.room
	for {
		m.departed = r.departed.Load()
		if r.departed.CompareAndSwap(m.departed, m) {
			break
		}
	}
	r.tryReap()
}

// keepsUp reports whether no more than MaxOut waits for the member, with size bytes more.
func (m *membership) keepsUp(size int) bool {
	if limit, waiting := m.room.limits.MaxOut, m.Waiting(); limit > 0 {
		if waiting <= limit {
			m.allowance = 0
		}
		if waiting+size > limit+m.allowance {
			return false
		}
	}
	m.behind = time.Time{}
	return true
}

// takes reports whether the member is to be sent a message of size bytes. What becomes of one
// that is slow is done.
func (m *membership) takes(size int) bool {
	if m.keepsUp(0) {
		return true
	}
	r := m.room
	l, now := &r.limits, time.Now()
	if m.behind.IsZero() {
		m.behind = now
	}
	if now.Sub(m.behind) < l.SlowAfter && (l.MaxBurst <= 0 || m.Waiting()+size <= l.MaxBurst+m.allowance) {
		return true
	}
	if l.WhenFull != CloseSlow {
		r.stats.Dropped++
		return false
	}
	r.stats.Closed++
	m.Post(&pipeline.Overflow{}, 0)
	m.Unsubscribe()
	r.remove(m)
	return false
}

// lock takes the lock of a room from which those are gone who have ended.
func (r *LocalRoom) lock() {
	r.mu.Lock()
	if r.byConn == nil {
		r.setup()
	}
	r.reap()
}

// unlock gives it back. Who has ended meanwhile and could not wait for it is removed.
func (r *LocalRoom) unlock() {
	r.mu.Unlock()
	r.tryReap()
}

// tryReap removes those who have ended, unless somebody else has the lock, who will.
func (r *LocalRoom) tryReap() {
	for r.departed.Load() != nil && r.mu.TryLock() {
		r.reap()
		r.mu.Unlock()
	}
}

func (r *LocalRoom) reap() {
	if r.departed.Load() == nil {
		return
	}
	for m := r.departed.Swap(nil); m != nil; {
		next := m.departed
		m.departed = nil
		r.remove(m)
		m = next
	}
}

func (r *LocalRoom) remove(m *membership) {
	if m.index < 0 {
		return
	}
	last := len(r.members) - 1
	moved := r.members[last]
	r.members[m.index], moved.index = moved, m.index
	r.members[last] = nil
	r.members = r.members[:last]
	m.index = -1
	r.stats.Left++
	delete(r.byConn, m.Connection())
	if cap(r.members) > 4*len(r.members)+64 {
		r.members = append(make([]*membership, 0, 2*len(r.members)), r.members...)
	}
	if len(r.members) == 0 {
		r.byConn = make(map[actors.Ref]*membership) // a map keeps its size
	}
}
