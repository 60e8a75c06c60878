package pipeline

import (
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

		// Memory is what Data fills most of, if who keeps Data as a payload may have it as well: then
		// Memory is nil when the call has returned. Nil: Data is copied.
		Memory frame.Memory

		piece frame.Frame // of Data: Codec's, on its way up, again and again
	}

	// Space asks, before the driver reads, where to: the stage that will keep the
	// bytes of a large payload in the end sets Buf to where they belong, and saves
	// copying them there. It goes up only inside such a payload, and Buf is no
	// longer than what is left of it. Without a Buf the driver uses its own.
	Space struct {
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
	// peer's Close or violation, and SetTop to a top that is replaced: who keeps output
	// back lets it go.
	Settled struct{}

	// Written says that the wire has now taken all it was given, after it had not at
	// once, or after a Status has said that output was waiting.
	Written struct{}

	// Stalled says that the wire has made no progress with waiting output for too long.
	Stalled struct{}

	// Overflow says that more output is waiting than may be. An Outbox sends it down.
	Overflow struct{}

	// Unfinished says that the peer will not complete the message that goes up in pieces: it
	// has ended, or made a mistake, Err, which is nil if not. Closing sends it up.
	Unfinished struct{ Err error }

	// AtWork asks the stages, before the driver ends the connection of a handler that gives no
	// credit, whether the handler is at work with something that a stage holds for it.
	AtWork struct{ Yes bool }

	// HandlerGone says that the frame handler is gone, or that a stage panicked.
	HandlerGone struct{ Err error }
)

// Items that stages send up to the handler, besides Closed.

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

// Weigher is an item that says what it costs its receiver to hold, in bytes. What a stage
// makes of a message, while that is on its way up, costs the handler's credit what the
// message did, see Pipeline.Weight: it need be no Weigher. One that it hands over later does.
type Weigher interface{ Weight() int }

// Weight is what an item costs its receiver to hold: the payload bytes of a frame, what
// a Weigher says, and nothing for anything else.
func Weight(item any) int {
	switch m := item.(type) {
	case *frame.Frame:
		return len(m.Payload)
	case Weigher:
		return m.Weight()
	}
	return 0
}
