package sockets

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
)

// Room is a set of connections that are sent the same messages. [NewRoom] makes one of this
// process; package sockets/rooms has rooms over many nodes. All methods may be called from any
// goroutine and in an actor's turn.
type Room interface {
	// Join makes a connection a member. conn is its actor: the sender of *Upgraded, or Conn.PID.
	// name is what Members tells, "" if nobody asks. A member that joins again is renamed. It
	// leaves by itself when it ends, before its handler is told Closed. The error is
	// net.ErrClosed if there is no such connection any more; one that is about to end may join
	// without one, and leaves at once.
	Join(conn *actor.PID, name string) error
	// Leave ends the membership of conn, if it is a member. Its connection stays.
	Leave(conn *actor.PID)
	// Send sends a whole text or binary message to all members, and does not wait for any. It
	// keeps f, which nobody may change, release or hand over any more.
	Send(f *frame.Frame) error
	// SendExcept is Send to all members but one, for instance to all but who has said it. It
	// makes no difference if conn is not a member.
	SendExcept(conn *actor.PID, f *frame.Frame) error
	// Len is the number of members.
	Len() int
	// Members are those who are in the room, in no order.
	Members() []Member
}

// Member is who is in a Room.
type Member struct {
	Conn *actor.PID // the connection's actor; nil if it is on another node
	Name string     // as it has joined
	Node string     // that it is on; "" in a room of one process
}

// LocalRoom is the Room of one process. A message is one frame for all of its members, and
// deflated once where they have their Options in common. Messages reach all members in the
// same order. A member costs about 200 bytes and no goroutine, a room without members nothing:
// it need not be closed. The zero value is NewRoom(nil)'s.
type LocalRoom struct {
	limits RoomOptions

	mu       sync.Mutex
	rt       *actors.Runtime // of all members; nil before the first
	members  []*membership
	byConn   map[actors.Ref]*membership
	departed atomic.Pointer[membership] // whose connections have ended, latest first: whoever has the lock removes them
	history  []*frame.Frame             // of number n at n-1 modulo RoomOptions.History, once there are so many
	stats    RoomStats
}

var _ Room = (*LocalRoom)(nil)

// NewRoom makes a room of this process. o may be nil: the defaults.
func NewRoom(o *RoomOptions) *LocalRoom {
	r := new(LocalRoom)
	if o != nil {
		r.limits = *o
	}
	r.setup()
	return r
}

// setup puts the defaults in, once: in NewRoom, or when a zero LocalRoom is used.
func (r *LocalRoom) setup() {
	r.byConn = make(map[actors.Ref]*membership)
	l := &r.limits
	l.MaxOut = or(l.MaxOut, defaultRoomMaxOut)
	l.MaxBurst = or(l.MaxBurst, defaultRoomMaxBurst)
	l.SlowAfter = or(l.SlowAfter, defaultSlowAfter)
	if l.System != nil {
		r.rt = actors.RuntimeOf(l.System)
	}
}

// Join is Room's.
func (r *LocalRoom) Join(conn *actor.PID, name string) error {
	_, err := r.join(conn, name, nil)
	return err
}

func (r *LocalRoom) join(conn *actor.PID, name string, after *uint64) (missed uint64, err error) {
	r.lock()
	defer r.unlock()
	if r.limits.System == nil && len(r.members) == 0 {
		r.rt = actors.RuntimeOf(systemOf(conn))
	}
	ref, err := r.rt.Find(conn)
	if errors.Is(err, actors.ErrNoConnection) {
		return 0, fmt.Errorf("sockets: join: %w, which is RoomOptions.System or that of the members", err)
	} else if err != nil {
		return 0, fmt.Errorf("sockets: join: %w", err)
	}
	m := r.byConn[ref]
	if m != nil {
		m.name = name
		r.stats.Renamed++
		return 0, nil
	}
	m = &membership{room: r, name: name, index: len(r.members)}
	r.members = append(r.members, m)
	r.byConn[ref] = m
	r.stats.Joined++
	m.Subscribe(ref, conn, m)
	if after != nil {
		missed = r.since(*after, func(_ uint64, f *frame.Frame) bool {
			size := cost(f)
			m.Post(f, size)
			m.allowance += size
			return true
		})
	}
	return missed, nil
}

// Leave is Room's.
func (r *LocalRoom) Leave(conn *actor.PID) {
	r.lock()
	defer r.unlock()
	if m := r.memberOf(conn); m != nil {
		r.remove(m)
		m.Unsubscribe()
	}
}

// memberOf is the membership of conn; nil if it is not a member. The lock must be held.
func (r *LocalRoom) memberOf(conn *actor.PID) *membership {
	if len(r.members) == 0 {
		return nil
	}
	ref, err := r.rt.Find(conn)
	if err != nil {
		return nil // it has ended, and left
	}
	return r.byConn[ref]
}

// Len is Room's.
func (r *LocalRoom) Len() int {
	r.lock()
	defer r.unlock()
	return len(r.members)
}

// Members is Room's.
func (r *LocalRoom) Members() []Member {
	r.lock()
	defer r.unlock()
	all := make([]Member, len(r.members))
	for i, m := range r.members {
		all[i] = Member{Conn: m.PID(), Name: m.name}
	}
	return all
}

// Stats counts what the room has sent and left out.
func (r *LocalRoom) Stats() RoomStats {
	r.lock()
	defer r.unlock()
	return r.stats
}
