package actors

import (
	"net/http"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/answering"
	"github.com/spindrift-go/spindrift/internal/errorlog"
)

// Exchange is one HTTP request that waits for its answer in a goroutine of
// net/http's.
type Exchange struct {
	answering.Answer                           // its Mistakes are set by Serve
	Listener         *actor.PID                // who is asked, by an *http.Request message
	Upgrade          func(answer any) Upgrader // who decides if the Listener answers with something else than an *http.Response; nil: that is a mistake
	Upgrader         Upgrader                  // who decides at once, in place of the Listener; nil: the Listener is asked
	Stays            bool                      // the goroutine that calls Serve goes on to use the connection
	Timeout          time.Duration             // for the answer; then it is 503; 0: none
	Log              *errorlog.Log             // of mistakes of the program; nil: slog.Default

	response *http.Response // nil: upgraded
	rt       *Runtime
}

// Serve decides ex, or has its Listener decide, and writes the answer unless that is an upgrade. It returns when the
// exchange is over.
func (rt *Runtime) Serve(ex *Exchange) {
	ex.rt, ex.Mistakes = rt, ex
	if ex.Upgrader != nil {
		rt.upgrade(ex, nil)
	} else {
		rt.ask(ex)
	}
	rt.finish(ex)
}

// Answer writes r as the answer of ex: nobody is asked.
func (rt *Runtime) Answer(ex *Exchange, r *http.Response) {
	ex.rt, ex.Mistakes, ex.response = rt, ex, r
	rt.finish(ex)
}

// finish writes what was decided.
func (rt *Runtime) finish(ex *Exchange) {
	if ex.response != nil {
		ex.Write(ex.response)
	}
}

// Say makes Exchange the Mistakes of its Answer.
func (ex *Exchange) Say(what string, args ...any) { ex.origin().say(what, args...) }

// origin is where ex came from, for the log.
func (ex *Exchange) origin() *origin {
	return &origin{peer: ex.Request.RemoteAddr, path: ex.Request.URL.Path, log: ex.Log}
}
