package pipeline

import (
	"time"

	"github.com/spindrift-go/spindrift/frame"
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
	// was given until now and what it answered has come down. Event comes up in place of
	// Settled, if there is one: a stage above Closing must ask so. Closing says why it asks:
	// the peer's last word, with the Code that Closed will have, which is Abnormal if it has
	// just ended.
	Settle struct {
		Event  any
		Code   frame.Code
		Reason string
	}

	// Throttle says whether a stage holds more for the handler than it should: the driver does
	// not read while it does. A driver whose handler is gone sets Gone: what the stage holds
	// can be dropped. One stage of a pipeline may use it.
	Throttle struct{ On, Gone bool }

	// Kept asks the stages how much of messages they keep back until the end of another, and
	// whether that is open: it has gone down in part. Sequence answers.
	Kept struct {
		Bytes int
		Open  bool
	}

	// Waker asks the driver for Wake, before the call returns. Any goroutine may call that to
	// have Event come up in a turn of the connection's; after the end it does nothing.
	Waker struct {
		Event any
		Wake  func()
	}

	// Pause asks the driver to read no more until Resume: the handler has work in hand that
	// goes on after it has returned. A Close from this side ends a Pause.
	Pause struct{}

	// Resume ends a Pause.
	Resume struct{}

	// Closes goes down behind a Close of this side whose answer is to be read: it ends a Pause.
	Closes struct{}

	// Leave asks Closing for an end from this side, with a Close of Code (see
	// frame.Code.Sendable) and Reason; a zero Code is frame.GoingAway.
	Leave struct {
		Code   frame.Code
		Reason string
	}

	// Cut asks Closing for the end at once: no Close is sent, and nothing waited for.
	// Closed tells ErrCut then, if nothing went wrong before.
	Cut struct{}

	// Hangup asks for the end of the connection. The driver writes what waits,
	// half-closes, and waits a while for the peer's end; with Wait the peer may
	// end first; with Heard its Close has come, so that it will send nothing more;
	// Cut skips all of that. A Lost follows in any case.
	Hangup struct{ Wait, Heard, Cut bool }
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
	Credit         int           // bytes that a stage holds for the handler before it throttles the driver
	InflateRatio   int           // inflated to compressed bytes, judged past 1 MiB inflated
	Stream         bool          // messages go up in pieces from now on, as with Core.Stream, also the one under way; false: changes nothing
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

// Bare reports whether item needs no more than to be sent down: nobody answers it,
// and it is no batch of others. A frame is, and a Prepared; of other items it is not known.
func Bare(item any) bool {
	switch item.(type) {
	case *frame.Frame, *Prepared:
		return true
	}
	return false
}
