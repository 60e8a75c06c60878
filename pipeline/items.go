package pipeline

import (
	"errors"
	"fmt"
	"time"

	"github.com/spindrift-go/spindrift/frame"
)

// Items that the driver of a pipeline sends up from the wire.
type (
	// Start is the first item up, through a new pipeline or through stages that
	// joined a living one.
	Start struct{}

	// Input is bytes from the peer, borrowed until the call returns, and changed
	// in place. Codec takes pieces off its front; it leaves the rest in Data when
	// Pause was set meanwhile.
	Input struct {
		Data  []byte
		Pause bool // set by the driver while the pipeline runs: decode no more for now

		piece frame.Frame // of Data: Codec's, on its way up, again and again
	}

	// Room asks, before the driver reads, where to: the stage that will keep the
	// bytes of a large payload in the end sets Buf to where they belong, and saves
	// copying them there. It goes up only inside such a payload, and Buf is no
	// longer than what is left of it. Without a Buf the driver uses its own.
	Room struct {
		Max int // of Buf
		Buf []byte
	}

	// Ended says that the peer will send no more: it has closed its half of the
	// stream, and may still read.
	Ended struct{}

	// Lost says that the connection is gone, and why: nil or io.EOF after an
	// orderly end. It is the last item up from the wire.
	Lost struct {
		Err    error
		Unsent bool // the wire did not take all of the output: not the last of it, a Close
	}

	// Settled answers a Settle. Closing sends one up when it is about to answer the
	// peer's Close or violation: who keeps output back lets it go.
	Settled struct{}

	// Flushed says that the wire has now taken all it was given, after it had not at
	// once, or after a Status has said that output was waiting.
	Flushed struct{}

	// Stalled says that the wire has made no progress with waiting output for too long.
	Stalled struct{}

	// Overflow says that more output is waiting than may be. An Outbox sends it down.
	Overflow struct{}

	// Orphaned says that the frame handler is gone, or that a stage panicked.
	Orphaned struct{ Err error }
)

// Items that go down: the driver of a pipeline understands those that leave it.
type (
	// Appender is output: the driver has it append its bytes to the out buffer,
	// at once.
	Appender interface {
		Append(dst []byte) []byte
		Size() int    // about how many bytes Append will add
		Urgent() bool // control frames: taken even when the out buffer is over its limit
	}

	// Splitter is an Appender with a body that the driver may write from where it
	// lies: Split appends what precedes the body to dst. Nothing of body is used
	// after the call that sent the item down. A nil body: Append must be used.
	Splitter interface {
		Appender
		Split(dst []byte) (head, body []byte)
	}

	// After asks for Event to come up again, past Delay. What the stages of a top have
	// asked for is withdrawn when the top is replaced.
	After struct {
		Delay   time.Duration
		Event   any
		Replace bool // take the place of an After that waits with the same Event, compared with ==: it comes once, at the new time

		Top bool // asked for above the core; Pipeline sets it, for the driver
	}

	// Status asks the driver to fill in what it knows, before the call returns.
	Status struct {
		Now      time.Time
		LastRead time.Time // when the peer last sent anything; Now while the driver is not reading, and if an After found something that waited to be read

		Unread  time.Duration // how long the driver has not been reading for want of the handler's credit, in all
		Blocked bool          // the wire did not take all that it was given
		Waiting int           // bytes of output that it has not taken
	}

	// Hold asks a Budget whether Bytes more may be held on behalf of the peer; negative
	// ones are given back. The answer is there when the call returns. Who is refused
	// lets go of what it asked for, and fails the connection. All is given back at
	// Closed, without a Hold. Stages send it down; the driver sends it up, for what it
	// holds itself, and then the Budget fails the connection.
	Hold struct {
		Bytes   int
		Refused bool
	}

	// Settle asks for a Settled, when the handler has worked through all that it
	// was given until now and what it answered has come down.
	Settle struct{}

	// Leave asks Closing for an end from this side, with a Close of Code (see
	// frame.Code.Sendable) and Reason; a zero Code is frame.GoingAway.
	Leave struct {
		Code   frame.Code
		Reason string
	}

	// Hangup asks for the end of the connection. The driver writes what waits,
	// half-closes, and waits a while for the peer's end; with Wait the peer may
	// end first; Cut skips all of that. A Lost follows in any case.
	Hangup struct{ Wait, Cut bool }
)

// Limits is sent down through a living pipeline to change what its stages allow.
// Zero fields leave a limit as it is, negative ones lift it.
type Limits struct {
	Frame          int64         // bytes of one frame
	Message        int64         // bytes of one message, inflated
	Fragments      int           // frames of one message
	MessageTime    time.Duration // from its first to its last byte
	ControlRate    int           // control frames a second, sustained
	Out            int           // bytes of messages that wait in an Outbox
	InflateRatio   int           // inflated to compressed bytes, judged past 1 MiB inflated
	CloseTimeout   time.Duration // for the peer's Close
	MessageTimeout time.Duration // without a message in either direction
	PingInterval   time.Duration // of AutoPing
	PingTimeout    time.Duration // of AutoPing
}

// set changes *v as Limits describes: zero keeps it, negative makes it 0, which
// stages read as "no limit".
func set[T ~int | ~int64](v *T, to T) {
	switch {
	case to < 0:
		*v = 0
	case to > 0:
		*v = to
	}
}

// Side is one end of a connection.
type Side byte

// Who began the end of a connection.
const (
	Nobody Side = iota // the network, or a peer that vanished without a Close
	Peer               // the peer's Close came first
	Local              // this side: the handler, a stage, a limit, a shutdown
)

func (s Side) String() string {
	return [...]string{"nobody", "peer", "local"}[s]
}

// Closed is the last item up a pipeline, exactly once: the account of how the
// connection ended.
type Closed struct {
	Code   frame.Code // of the Close that came or went first; frame.NoStatus if it had none, frame.Abnormal if there was no Close
	Reason string     // of the same Close
	Clean  bool       // a Close came in, and one was written to the socket
	By     Side       // whose Close came first
	Err    error      // why, if it was not asked for: a *frame.Error, ErrCloseTimeout, or what the network said
}

// Failure is nil if the connection has ended as one should, with a Close of 1000, 1001 or
// without a code and nothing that went wrong. It is Err if there is one, and for any other
// code, also one that the peer has chosen, an error that tells code and reason in a line.
func (c *Closed) Failure() error {
	switch {
	case c.Err != nil:
		return c.Err
	case c.Code == frame.Abnormal:
		return errors.New("connection ended without a Close")
	case c.Code == frame.Normal, c.Code == frame.GoingAway, c.Code == frame.NoStatus:
		return nil
	}
	return fmt.Errorf("connection was closed with %v %q", c.Code, c.Reason)
}

// RoundTripTime goes up when a Pong matched a Ping that went down before, from
// AutoPing or from the handler.
type RoundTripTime struct {
	Duration time.Duration
	Payload  []byte // of the Ping
	Unasked  bool   // for the driver, not for the handler: see AutoPing.Quiet
}

// Backpressure goes to the handler when more than the high mark of output waits,
// and Drained when less than the low mark does again.
type (
	Backpressure struct{ Waiting int } // bytes
	Drained      struct{ Waiting int } // bytes
)

// Weight is what an item costs its receiver to hold: the payload bytes of a
// frame, nothing for anything else.
func Weight(item any) int {
	if f, ok := item.(*frame.Frame); ok {
		return len(f.Payload)
	}
	return 0
}

// Bare reports whether item needs no more than to be sent down: nobody answers it,
// and it is no batch of others. A frame is; of other items it is not known.
func Bare(item any) bool {
	_, ok := item.(*frame.Frame)
	return ok
}

// Crashed is the Closed of a connection whose pipeline could not make its own.
func Crashed(err error) *Closed {
	return &Closed{Code: frame.Abnormal, By: Local, Err: err}
}
