package sockets

import (
	"net/http"

	"github.com/spindrift-go/spindrift/pipeline"
)

// Closed is the last message of a connection, exactly once: how it has
// ended. It is what the stages of package pipeline tell, which says more of each field:
//
//	type Closed struct {
//		Code   frame.Code // of the Close that came or went first; frame.NoStatus if it had none, frame.Abnormal if there was no Close
//		Reason string     // of the same Close
//		Clean  bool       // a Close came in, and one was written to the socket
//		By     Side       // whose Close came first
//		Err    error      // why, if it was not asked for: a *frame.Error, ErrCloseTimeout, or what the network said
//	}
//
// Its Failure method tells a good end from others, String all of it in a line.
type Closed = pipeline.Closed

// RoundTripTime tells how long a Ping and its Pong took.
//
//	type RoundTripTime struct {
//		Duration time.Duration
//		Payload  []byte // of the Ping
//		Unasked  bool   // for the driver, not for the handler: see AutoPing.Quiet
//	}
type RoundTripTime = pipeline.RoundTripTime

// Backpressure says that more than Options.HighWater of output is waiting.
//
//	type Backpressure struct{ Waiting int } // bytes
type Backpressure = pipeline.Backpressure

// Drained says that less than Options.LowWater of output is waiting again.
//
//	type Drained struct{ Waiting int } // bytes
type Drained = pipeline.Drained

// Dropped tells of messages that will not go out, by Options.WhenFull.
//
//	type Dropped struct{ Messages, Bytes int }
type Dropped = pipeline.Dropped

// Flushed answers a Flush.
type Flushed struct {
	Err error // net.ErrClosed if the connection ended before all was written; nil: it was
}

// Policy is what happens when a peer takes its messages too slowly.
type Policy = pipeline.Policy

// The policies, for Options.WhenFull.
const (
	CloseSlow  = pipeline.CloseSlow
	DropNewest = pipeline.DropNewest
	DropOldest = pipeline.DropOldest
)

// Side is who began the end of a connection, in Closed.
type Side = pipeline.Side

// The sides.
const (
	Nobody = pipeline.Nobody
	Peer   = pipeline.Peer
	Local  = pipeline.Local
)

// Upgraded is the first message of a connection. Its sender is the connection:
// keep it to send frames there at any time. It comes through the connection's stages,
// right behind their Start: a stage can see it, send up another in its place, or keep
// it back.
type Upgraded struct {
	// Request is the handshake; for a client, its own. On the server its context ends
	// with the connection and has the values of the request's. A value that middleware
	// or a router takes back when its handler returns is somebody else's by now: look at
	// it in Handler.New.
	Request     *http.Request
	Response    *http.Response // the server's answer; nil on the server
	Subprotocol string         // agreed on; "" if none
	Compressed  bool           // permessage-deflate was agreed on
	Extensions  []string       // all that were agreed on, with their parameters, as the answer has them
	Value       any            // UpgradeServer's
	Returns     int            // of a client that comes back: how many connections it had before
	Again       bool           // a FrameHandler that was restarted is told of a connection that it knew; the request has what it had, but for the handshake's header
}

// Messages to a connection are those below. Anything else that is sent to one goes
// through its stages, from the handler's end: a *frame.Frame, a *frame.Error to fail the
// connection, or what a stage of yours understands.

// Flush asks the connection to answer *Flushed when everything sent to it before has been
// written to the socket.
type Flush struct{}

// Flushed makes the answer. The connection calls it.
func (*Flush) Flushed(err error) any { return &Flushed{err} }

// Pause asks the connection to hand over nothing more until Resume: for a handler whose work
// goes on after it has returned. What the peer sends meanwhile waits with the peer; that it
// is not read is not held against it. A Close from this side ends a Pause.
//
//	type Pause struct{}
type Pause = pipeline.Pause

// Resume ends a Pause.
//
//	type Resume struct{}
type Resume = pipeline.Resume

// Leave asks for a Close, as a Close frame does.
//
//	type Leave struct {
//		Code   frame.Code
//		Reason string
//	}
//
// A zero Code is frame.GoingAway.
type Leave = pipeline.Leave

// Cut ends the connection at once: no Close is sent, nothing that waits is waited for, and
// Closed has ErrCut if nothing went wrong before. For a peer that is to have no say in how
// long its end takes; a Close frame, or Leave, ends a connection as RFC 6455 7 asks for.
//
//	type Cut struct{}
type Cut = pipeline.Cut
