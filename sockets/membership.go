package sockets

import (
	"time"

	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/pipeline"
)

// membership is a connection in a LocalRoom. All but the Subscription is under the room's lock.
type membership struct {
	actors.Subscription
	room     *LocalRoom
	name     string
	index    int         // in room.members; negative: it has left
	departed *membership // the one that ended before, see LocalRoom.departed
	behind   time.Time   // since when more waits than RoomOptions.MaxOut; zero: it does not
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

// takes reports whether the member is to be sent a message of size bytes. What becomes of one
// that is slow is done.
func (m *membership) takes(size int) bool {
	r, waiting := m.room, m.Waiting()
	l := &r.limits
	if l.MaxOut <= 0 || waiting <= l.MaxOut {
		m.behind = time.Time{}
		return true
	}
	now := time.Now()
	if m.behind.IsZero() {
		m.behind = now
	}
	if now.Sub(m.behind) < l.SlowAfter && (l.MaxBurst <= 0 || waiting+size <= l.MaxBurst) {
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
