package actors

import (
	"net"
	"net/http"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
)

// Upgrader is a message that turns a connection's HTTP side into a pipeline.
type Upgrader interface {
	// Upgrade judges the request that the connection has before it. It returns
	// the plan of the pipeline, or the response that refuses.
	Upgrade(r *http.Request) (*Plan, *http.Response)
}

// Plan is what a connection becomes.
type Plan struct {
	Greeting []byte           // written before anything else: the 101 of a server
	Top      pipeline.Part    // next to the handler; SetTop may replace it later
	Core     pipeline.Part    // next to the wire
	Handler  *actor.PID       // who gets what leaves the top
	Spawn    *actor.Props     // or whom to start for that; its mailbox will be the crew's
	Hello    any              // goes up through the stages behind Start: the handler's first message, unless a stage says something before; nil: none
	Limits   *Limits          // of what the driver holds, which connections may share; nil: none
	Portable bool             // do not use the poller
	Group    *Group           // to join; nil: that of the connections without a server
	Leave    func()           // called once when the connection has ended, or comes to nothing; nil: none
	Options  *pipeline.Limits // sent down at the start; nil: none
}

func (p *Plan) comeToNothing() {
	if p.Leave != nil {
		p.Leave()
	}
}

// take takes a connection out of net/http's hands, with what was read of it already,
// or returns the answer to a request whose connection cannot be had. A drain waits for
// the connection until letGo: http.Server's Shutdown knows it no more.
func (p *Plan) take(w http.ResponseWriter) (nc net.Conn, first []byte, refusal *http.Response) {
	if p.Group != nil {
		p.Group.hold()
	}
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		p.letGo()
		p.comeToNothing()
		return nil, nil, plain(http.StatusInternalServerError, "connection cannot be upgraded: "+err.Error())
	}
	nc.SetDeadline(time.Time{})
	first, _ = rw.Reader.Peek(rw.Reader.Buffered())
	return nc, first, nil
}

func (p *Plan) letGo() {
	if p.Group != nil {
		p.Group.letGo()
	}
}

// Limits bound what a connection holds. All are taken as they are: a zero lifts
// the limit.
type Limits struct {
	CreditFrames int           // handed over to the handler and not worked through
	CreditBytes  int           // likewise; then the socket is not read
	Out          int           // bytes of output that may wait; negative: a stage sees to that
	High, Low    int           // bytes of waiting output: Backpressure above, Drained below
	Stall        time.Duration // without progress while output waits
	Linger       time.Duration // for the peer's end after ours
}

var unlimited Limits

// SetTop replaces the stages next to the handler, between two frames.
type SetTop struct{ Top pipeline.Part }

// SetLimits replaces what the driver allows, and sends Options down.
type SetLimits struct {
	Limits  func(*Limits)
	Options *pipeline.Limits
}

// Flush asks to be answered with a *Flushed when all that was sent to the
// connection before has been written to the socket, or the connection has ended.
type Flush struct{}

// Flushed answers a Flush.
type Flushed struct{ Err error }
