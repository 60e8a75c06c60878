package actors

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
)

// Upgrader turns a connection that speaks HTTP into a pipeline.
type Upgrader interface {
	// Upgrade judges the request of ex and negotiates what is to become of its
	// connection: it returns the plan of the pipeline, or the response that refuses.
	// What is left is to greet, which is the plan's.
	Upgrade(ex *Exchange) (*Plan, *http.Response)
}

// Greeter is the last step of an upgrade: it takes the connection out of net/http's
// hands and tells the peer. It is what the versions of HTTP differ in.
type Greeter interface {
	// Greet returns the connection, and what was read of it already. If it has told the
	// peer itself that there is no upgrade, it returns ErrRefused.
	Greet(w http.ResponseWriter) (nc net.Conn, first []byte, err error)
}

// ErrRefused is a Greeter's that has answered the request itself.
var ErrRefused = errors.New("upgrade was refused")

// Hijack is how an HTTP/1 connection is taken out of net/http's hands: the Greeting of
// the plan is all that the peer is told. It is what a Plan without a Greeter does. What it
// calls may be middleware's: a panic of that is an error.
func Hijack(w http.ResponseWriter) (nc net.Conn, first []byte, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			nc, first, err = nil, nil, &hijackPanic{reason, debug.Stack()}
		}
	}()
	nc, rw, err := http.NewResponseController(w).Hijack()
	switch {
	case errors.Is(err, http.ErrNotSupported):
		return nil, nil, hidden(w)
	case err != nil:
		return nil, nil, err
	case nc == nil:
		return nil, nil, fmt.Errorf("Hijack of %T has returned no connection", w)
	}
	nc.SetDeadline(time.Time{})
	if rw != nil && rw.Reader != nil { // there is nothing ahead otherwise
		first, _ = rw.Reader.Peek(rw.Reader.Buffered())
	}
	return nc, first, nil
}

// hijackPanic is an error of Hijack, whose peer is told neither reason nor stack.
type hijackPanic struct {
	reason any
	stack  []byte
}

func (*hijackPanic) Error() string { return "Hijack has panicked" }

// hidden says which ResponseWriter it is that cannot be hijacked: usually that of a middleware.
func hidden(w http.ResponseWriter) error {
	for {
		within, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return fmt.Errorf("%T has neither Hijack nor Unwrap, which http.ResponseController asks for: %w", w, http.ErrNotSupported)
		}
		w = within.Unwrap()
	}
}

// Lifetime hears of the end of a connection, or of an upgrade that has come to nothing:
// each of its methods is called once.
type Lifetime interface {
	// Ended: the handler was sent the last message, and the socket is closed.
	Ended()
	// Settled: the handler has worked through the last message, or had its time for it.
	Settled()
}

// Plan is what a connection becomes.
type Plan struct {
	Greeter  Greeter          // gets the connection; nil: Hijack does
	Greeting []byte           // written before anything else: the 101 of a server; nil: the Greeter has greeted
	Top      pipeline.Part    // next to the handler; SetTop may replace it later
	Core     pipeline.Part    // next to the wire
	Handler  *actor.PID       // who gets what leaves the top
	Spawn    *actor.Props     // or whom to start for that; its mailbox will be the dispatcher's
	Receiver Receiver         // or who gets it in their place
	Hello    any              // goes up through the stages behind Start: the handler's first message, unless a stage says something before; nil: none
	Again    Again            // told to a Handler that was restarted; nil: nothing is
	Limits   *Limits          // of what the driver holds, which connections may share; nil: none
	Portable bool             // do not use the poller
	Group    *Group           // to join; nil: that of the connections without a server
	Life     Lifetime         // hears of the end; nil: nobody does
	Observer Observer         // is told what becomes of the plan; nil: nobody is
	Value    any              // of a server's connection: found by Runtime.ValueOf and Group.All
	Options  *pipeline.Limits // sent down at the start; nil: none
	Changer  Changer          // is asked what a message to the connection changes; nil: no message does but SetTop and SetLimits
}

// Limits bound what a connection holds. All are taken as they are: a zero lifts
// the limit.
type Limits struct {
	CreditFrames  int           // handed over to the handler and not worked through
	CreditBytes   int           // likewise; then the socket is not read
	CreditTimeout time.Duration // in which some of it must be, or the connection ends with 1011
	EndOnRestart  bool          // of a Handler: the connection ends with 1011, in place of being announced again
	Out           int           // bytes of output that may wait; negative: a stage sees to that
	SlowAfter     time.Duration // more than Out may wait as long as the peer takes Out bytes in this time
	Burst         int           // and no more than this
	High, Low     int           // bytes of waiting output: Backpressure above, Drained below
	Stall         time.Duration // without progress while output waits
	Linger        time.Duration // for the peer's end after ours
}

var unlimited Limits

// SetTop replaces the stages next to the handler, between two frames.
type SetTop struct{ Top pipeline.Part }

// SetLimits replaces what the driver allows, and sends Options down.
type SetLimits struct {
	Limits  func(*Limits)
	Options *pipeline.Limits
}

// Answer is for the sender of a message that asks something.
type Answer struct{ Message any }

// Changer knows the messages by which a program changes a living connection, or asks about it.
type Changer interface {
	// Change returns the *SetTop, *SetLimits or *Answer that message stands for, or nil, and
	// who is asked about the next message; nil: message is another, and goes down the pipeline.
	Change(message any) (change any, next Changer)
}

// Flush asks for an answer when all that was sent to the connection before has been written
// to the socket, or the connection has ended.
type Flush interface {
	// Flushed makes the answer. err is nil if all has been written.
	Flushed(err error) any
}
