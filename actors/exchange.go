package actors

import (
	"net/http"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Exchange is one HTTP request that waits for its answer in a goroutine of
// net/http's, and is decided by a connection actor.
type Exchange struct {
	Request  *http.Request
	Writer   http.ResponseWriter
	Listener *actor.PID                // who is asked, by an *http.Request message
	Upgrade  func(answer any) Upgrader // what an answer of the Listener's that is no *http.Response asks for; nil: nothing
	Decided  Upgrader                  // or the answer, if it is known already
	Timeout  time.Duration             // for the answer; then it is 503; 0: none

	last     bool // the connection actor has no further use if this does not upgrade it
	claimed  atomic.Bool
	done     chan struct{}
	response *http.Response // nil: upgraded
}

// abandoned tells a connection that nobody waits for an exchange any more.
type abandoned struct{ exchange *Exchange }

// Serve has the connection actor conn decide ex and writes the answer, unless the
// connection was upgraded. It returns when the exchange is over. Without a conn one
// is made that lives for this exchange and, if that is upgraded, for what follows.
func (rt *Runtime) Serve(conn *actor.PID, ex *Exchange) {
	switch {
	case conn != nil:
		rt.ask(conn, ex)
	case ex.Decided != nil:
		rt.decide(ex)
	default:
		ex.last = true
		rt.ask(rt.Spawn(), ex)
	}
	if ex.response != nil {
		writeResponse(ex.Writer, ex.response)
		if ex.response.Close && ex.Request.ProtoMajor == 1 {
			part(ex.Writer, ex.response.StatusCode)
		}
	}
}

// ask hands ex to the connection actor conn and waits until it is decided.
func (rt *Runtime) ask(conn *actor.PID, ex *Exchange) {
	ex.done = make(chan struct{})
	rt.system.Root.Send(conn, ex)
	if _, alive := rt.system.ProcessRegistry.GetLocal(conn.Id); !alive {
		ex.answer(plain(http.StatusServiceUnavailable, "shutting down"))
	}
	var late <-chan time.Time
	if ex.Timeout > 0 {
		t := time.NewTimer(ex.Timeout)
		defer t.Stop()
		late = t.C
	}
	select { // the request's context ends when the client closes its half: it may still read
	case <-ex.done:
	case <-late:
		if ex.claim() {
			rt.system.Root.Send(conn, &abandoned{ex})
			ex.response = plain(http.StatusServiceUnavailable, "no answer in time")
		} else {
			<-ex.done
		}
	}
}

// claim decides who ends the exchange: the first who asks.
func (ex *Exchange) claim() bool { return ex.claimed.CompareAndSwap(false, true) }

// answer gives the waiting goroutine what it is to write.
func (ex *Exchange) answer(r *http.Response) {
	if ex.claim() {
		ex.response = r
		close(ex.done)
	} else {
		discard(r)
	}
}
