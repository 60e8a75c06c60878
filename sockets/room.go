package sockets

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

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

// RoomOptions are how a room treats its members. The zero value is ready. A member that does
// not take what it is sent delays nobody: its messages wait at its connection as far as the
// options here say. Options of the connection, MaxOut for instance, bound it as well.
type RoomOptions struct {
	System *actor.ActorSystem // of the connections; nil: that of the first who joins, until nobody is there any more

	MaxOut    int           // bytes that may wait for a member: 256 KiB. Each message counts with 64 bytes besides its own
	SlowAfter time.Duration // for which more may wait, up to MaxBurst: 5 s; then the member is slow. Negative: it is at once
	MaxBurst  int           // bytes that may wait for a member that is not slow: 1 MiB
	WhenFull  Policy        // what happens to a slow member: CloseSlow closes its connection, with 1008; DropNewest leaves out messages until it has caught up, and so does DropOldest, which only a connection's own Options can do

	// History is how many of the latest messages the room keeps. They are numbered from 1 on,
	// so that a client that comes back can be sent what it has missed: JoinAfter.
	History int
	// Number makes of a message what goes out as number n: one that tells its number, so that a
	// client can say where it was. It is called once for each message, one at a time, and must
	// not call the room. nil: messages go out as they are.
	Number func(n uint64, f *frame.Frame) *frame.Frame
}

// RoomStats counts since the room was made.
type RoomStats struct {
	Joined  uint64 // members that came
	Left    uint64 // members that went, by themselves or not
	Renamed uint64 // members that have joined again
	Sent    uint64 // messages to the room
	Dropped uint64 // that were left out for a slow member, for each member
	Closed  uint64 // members that were closed because they were slow
}

// LocalRoom is the Room of one process. A message is one frame for all of its members, and
// deflated once where they have their Options in common. Messages reach all members in the
// same order. A member costs about 200 bytes and no goroutine, a room without members nothing:
// it need not be closed.
type LocalRoom struct {
	limits RoomOptions

	mu       sync.Mutex
	rt       *actors.Runtime // of all members; nil before the first
	members  []*membership
	byConn   map[actors.Ref]*membership
	departed atomic.Pointer[membership] // whose connections have ended, latest first: whoever has the lock removes them
	history  []*frame.Frame             // of number n at n modulo its length
	stats    RoomStats
}

var _ Room = (*LocalRoom)(nil)

// The defaults of RoomOptions.
const (
	defaultRoomMaxOut   = 256 << 10
	defaultRoomMaxBurst = 1 << 20
)

// messageCost is what a message takes that waits for a member, besides its payload.
const messageCost = 64

// NewRoom makes a room of this process. o may be nil: the defaults.
func NewRoom(o *RoomOptions) *LocalRoom {
	r := &LocalRoom{byConn: make(map[actors.Ref]*membership)}
	if o != nil {
		r.limits = *o
	}
	l := &r.limits
	l.MaxOut = or(l.MaxOut, defaultRoomMaxOut)
	l.MaxBurst = or(l.MaxBurst, defaultRoomMaxBurst)
	l.SlowAfter = or(l.SlowAfter, defaultSlowAfter)
	if l.System != nil {
		r.rt = actors.RuntimeOf(l.System)
	}
	if l.History > 0 {
		r.history = make([]*frame.Frame, l.History)
	}
	return r
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
			m.Post(f, cost(f))
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

// ErrNoMessage: what a room was given to send is not a whole text or binary message, or it was
// handed over to one connection.
var ErrNoMessage = errors.New("sockets: a room sends whole text and binary messages, which were not handed over")

// Send is Room's.
func (r *LocalRoom) Send(f *frame.Frame) error { return r.send(nil, f) }

// SendExcept is Room's. The history keeps f for everybody.
func (r *LocalRoom) SendExcept(conn *actor.PID, f *frame.Frame) error { return r.send(conn, f) }

// SendAll is Send of several messages in a row, which costs less: each member is looked at once. If
// one of them is no message none is sent. The slice is the caller's again, with other messages in it
// if RoomOptions.Number makes such.
func (r *LocalRoom) SendAll(messages []*frame.Frame) error {
	for _, f := range messages {
		if err := checkMessage(f); err != nil {
			return err
		}
	}
	r.lock()
	defer r.unlock()
	r.fanOut(nil, messages)
	return nil
}

func (r *LocalRoom) send(but *actor.PID, f *frame.Frame) error {
	if err := checkMessage(f); err != nil {
		return err
	}
	r.lock()
	defer r.unlock()
	omitted := (*membership)(nil)
	if but != nil {
		omitted = r.memberOf(but)
	}
	one := [1]*frame.Frame{f}
	r.fanOut(omitted, one[:])
	return nil
}

func checkMessage(f *frame.Frame) error {
	switch {
	case f == nil:
		return ErrNilFrame
	case !f.Fin || f.Opcode != frame.OpText && f.Opcode != frame.OpBinary || f.HandedOver():
		return ErrNoMessage
	}
	return nil
}

// fanOut numbers messages, which it may replace, and posts them to all but omitted.
func (r *LocalRoom) fanOut(omitted *membership, messages []*frame.Frame) {
	for i, f := range messages {
		r.stats.Sent++
		if r.limits.Number != nil {
			f = r.limits.Number(r.stats.Sent, f)
			messages[i] = f
		}
		f.Share()
		r.keep(f)
	}
	all, size := batch(messages)
	var out actors.Fanout
	for i := len(r.members) - 1; i >= 0; i-- { // one that is removed gives its place to a later one
		m := r.members[i]
		if m == omitted {
			continue
		}
		if all != nil && m.keepsUp(size) {
			out.Post(&m.Subscription, all, size)
			continue
		}
		for _, f := range messages {
			if size := cost(f); m.takes(size) {
				out.Post(&m.Subscription, f, size)
			} else if m.index < 0 {
				break
			}
		}
	}
	out.Flush()
}

// batch makes one of messages, if they are several, and says what it costs.
func batch(messages []*frame.Frame) (b *actors.Batch, size int) {
	if len(messages) < 2 {
		return nil, 0
	}
	b = &actors.Batch{Items: make([]any, len(messages))}
	for i, f := range messages {
		b.Items[i] = f
		size += cost(f)
	}
	return b, size
}

func cost(f *frame.Frame) int { return messageCost + len(f.Payload) }
