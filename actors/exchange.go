package actors

import (
	"net"
	"net/http"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Exchange is one HTTP request that waits for its answer in a goroutine of
// net/http's.
type Exchange struct {
	Request  *http.Request
	Writer   http.ResponseWriter
	Listener *actor.PID                // who is asked, by an *http.Request message
	Upgrade  func(answer any) Upgrader // what an answer of the Listener's that is no *http.Response asks for; nil: nothing
	Decided  Upgrader                  // or the answer, if it is known already
	Stays    bool                      // who waits goes on to use the connection
	Timeout  time.Duration             // for the answer; then it is 503; 0: none
	Stall    time.Duration             // in which nothing of the answer moves; then the connection is closed; 0: any
	Conn     net.Conn                  // that the request came by, to see whether the client has reset it; nil: unknown
	Log      *Log                      // of mistakes of the program; nil: slog.Default

	response *http.Response // nil: upgraded
	rt       *Runtime
}

// Serve has ex decided and writes the answer, unless that is an upgrade. It returns when the
// exchange is over.
func (rt *Runtime) Serve(ex *Exchange) {
	ex.rt = rt
	if ex.Decided != nil {
		rt.decide(ex, nil)
	} else {
		rt.ask(ex)
	}
	rt.finish(ex)
}

// Answer writes r as the answer of ex, which nobody else is asked for.
func (rt *Runtime) Answer(ex *Exchange, r *http.Response) {
	ex.rt, ex.response = rt, r
	rt.finish(ex)
}

// finish writes what was decided.
func (rt *Runtime) finish(ex *Exchange) {
	if ex.response == nil {
		return
	}
	ex.write(ex.response)
	if ex.response.Close && ex.Request.ProtoMajor == 1 {
		part(ex.Writer, ex.response.StatusCode)
	}
}

// left reports whether the client is gone. Over HTTP/1 the end of the request's context
// does not say so, the socket does.
func (ex *Exchange) left() bool {
	if ex.Request.ProtoMajor >= 2 {
		return ex.Request.Context().Err() != nil
	}
	return ex.Conn != nil && isReset(ex.Conn)
}

// origin is where ex came from, for the log.
func (ex *Exchange) origin() *origin {
	return &origin{peer: ex.Request.RemoteAddr, path: ex.Request.URL.Path, log: ex.Log}
}
