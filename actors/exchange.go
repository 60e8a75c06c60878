package actors

import (
	"crypto/tls"
	"net"
	"net/http"
	"sync"
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
	Stall    time.Duration             // in which nothing of the answer moves; then the connection is closed; 0: any
	Conn     net.Conn                  // that the request came by, to see whether the client has reset it; nil: unknown
	Log      *Log                      // of mistakes of the program; nil: slog.Default

	asking   sync.Mutex // held while the Listener is asked, or the exchange is given up
	last     bool       // the connection actor has no further use if this does not upgrade it
	claimed  atomic.Bool
	done     chan struct{}
	response *http.Response // nil: upgraded
	rt       *Runtime
	reset    bool // the client has left before there was an answer
}

// abandoned tells a connection that nobody waits for an exchange any more.
type abandoned struct{ exchange *Exchange }

// Serve has the connection actor conn decide ex and writes the answer, unless the
// connection was upgraded. It returns when the exchange is over. Without a conn one
// is made that lives for this exchange and, if that is upgraded, for what follows.
func (rt *Runtime) Serve(conn *actor.PID, ex *Exchange) {
	ex.rt = rt
	switch {
	case conn != nil:
		rt.ask(conn, ex)
	case ex.Decided != nil:
		rt.decide(ex)
	default:
		ex.last = true
		rt.ask(rt.Spawn(), ex)
	}
	rt.finish(ex)
}

// Answer writes r as the answer of ex, which nobody else is asked for.
func (rt *Runtime) Answer(ex *Exchange, r *http.Response) {
	ex.response = r
	rt.finish(ex)
}

// finish writes what was decided.
func (rt *Runtime) finish(ex *Exchange) {
	ex.rt = rt
	switch {
	case ex.reset:
		panic(http.ErrAbortHandler) // there is nobody to write to
	case ex.response != nil:
		ex.write(ex.response)
		if ex.response.Close && ex.Request.ProtoMajor == 1 {
			part(ex.Writer, ex.response.StatusCode)
		}
	}
}

// ask hands ex to the connection actor conn and waits until it is decided.
func (rt *Runtime) ask(conn *actor.PID, ex *Exchange) {
	ex.done = make(chan struct{})
	if t, ok := ex.Conn.(*tls.Conn); ok { // while it is ours: an upgrade replaces what it runs over
		ex.Conn = t.NetConn()
	}
	rt.root.Send(conn, ex)
	if _, alive := rt.system.ProcessRegistry.GetLocal(conn.Id); !alive {
		ex.answer(plain(http.StatusServiceUnavailable, "shutting down"))
	}
	if ex.Listener != nil {
		rt.panics.ask(ex, conn)
		defer rt.panics.answered(ex)
	}
	ex.wait(conn)
}

// wait waits for the answer. The request's context ends when the client closes its
// sending half, which is no reason to give up: it may still read. A reset is.
func (ex *Exchange) wait(conn *actor.PID) {
	began := time.Now()
	t := time.NewTimer(ex.look(began))
	defer t.Stop()
	over := ex.Request.Context().Done()
	for {
		select {
		case <-ex.done:
			return
		case <-over:
			over = nil
		case <-t.C:
			t.Reset(ex.look(began))
		}
		reset := ex.left()
		if !reset && (ex.Timeout <= 0 || time.Since(began) < ex.Timeout) {
			continue
		}
		if !ex.giveUp() {
			<-ex.done
			return
		}
		if ex.rt.root.Send(conn, &abandoned{ex}); reset {
			ex.reset = true
		} else {
			ex.response = plain(http.StatusServiceUnavailable, "no answer in time")
		}
		return
	}
}

// look is when to look next whether the client is gone or the time is up.
func (ex *Exchange) look(began time.Time) time.Duration {
	if ex.Timeout > 0 {
		return min(lookEvery, max(ex.Timeout-time.Since(began), 0))
	}
	return lookEvery
}

// lookEvery is how often a connection is looked at while a client that may have
// closed its sending half waits: what follows that brings no news.
const lookEvery = time.Second

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

// claim decides who ends the exchange: the first who asks.
func (ex *Exchange) claim() bool { return ex.claimed.CompareAndSwap(false, true) }

// giveUp claims ex for its goroutine. The Listener is not asked about it any more.
func (ex *Exchange) giveUp() bool {
	ex.asking.Lock()
	defer ex.asking.Unlock()
	return ex.claim()
}

// ask has the Listener asked, unless ex was given up: then nobody would hear the answer, and
// the Listener may have been told that this was the last of its client's requests.
func (ex *Exchange) ask(tell func(to *actor.PID, message any)) {
	ex.asking.Lock()
	defer ex.asking.Unlock()
	if !ex.claimed.Load() {
		tell(ex.Listener, ex.Request)
	}
}

// answer gives the waiting goroutine what it is to write.
func (ex *Exchange) answer(r *http.Response) {
	if ex.claim() {
		ex.response = r
		close(ex.done)
	} else {
		discard(r)
	}
}
