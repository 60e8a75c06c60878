package actors

import (
	"net/http"
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
	Greeter    Greeter          // gets the connection; nil: Hijack does
	Greeting   []byte           // written before anything else: the 101 of a server; nil: the Greeter has greeted
	Top        pipeline.Part    // next to the handler; SetTop may replace it later
	Core       pipeline.Part    // next to the wire
	Handler    *actor.PID       // who gets what leaves the top
	Spawn      *actor.Props     // or whom to start for that; its mailbox will be the dispatcher's
	Receiver   Receiver         // or who gets it in their place
	Hello      any              // goes up through the stages behind Start: the handler's first message, unless a stage says something before; nil: none
	HelloAgain HelloAgain       // told to a Handler that was restarted, or that takes the place of one that is lost; nil: nothing is
	Limits     *Limits          // of what the driver holds, which connections may share; nil: none
	Portable   bool             // do not use the poller
	Group      *Group           // to join; nil: that of the connections without a server
	Life       Lifetime         // hears of the end; nil: nobody does
	Observer   Observer         // is told what becomes of the plan; nil: nobody is
	Value      any              // of a server's connection: found by Runtime.ValueOf and Group.All
	Options    *pipeline.Limits // sent down at the start; nil: none
	Changer    Changer          // is asked what a message to the connection changes; nil: no message does but SetTop and SetLimits
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

// low is Low, or High where that is less.
func (l *Limits) low() int {
	if l.High > 0 {
		return min(l.Low, l.High)
	}
	return l.Low
}

// space is the marks for those who wait for space: above high they do, and below low they go on. High is half of Out at
// most, so that what they send is neither too much nor proof of a slow peer. Low is half of high at most: what is reserved
// up to there is not looked after, see receiverTop.spacious, and must not keep anybody waiting.
func (l *Limits) space() (high, low int) {
	if high, low = defaultHigh, defaultLow; l.High > 0 {
		high, low = l.High, l.Low
	}
	if l.Out > 0 {
		high = min(high, l.Out/2)
	}
	return high, min(low, high/2)
}

var unlimited Limits
