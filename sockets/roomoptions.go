package sockets

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
)

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
	// not call the room. Where it makes no message of one, Send says so, and nothing goes out. nil:
	// messages go out as they are.
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

// The defaults of RoomOptions.
const (
	defaultRoomMaxOut   = 256 << 10
	defaultRoomMaxBurst = 1 << 20
)
