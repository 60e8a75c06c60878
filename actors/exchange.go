package actors

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Exchange is one HTTP request that waits for its answer in a goroutine of
// net/http's, and is decided by a connection actor.
type Exchange struct {
	Request  *http.Request
	Writer   http.ResponseWriter
	Listener *actor.PID    // who is asked, by an *http.Request message
	Upgrade  Upgrader      // or the answer, if it is known already
	Timeout  time.Duration // for the answer; then it is 503; 0: none

	last     bool // the connection actor has no further use if this does not upgrade it
	claimed  atomic.Bool
	done     chan struct{}
	response *http.Response // nil: upgraded
}

// abandoned tells a connection that nobody waits for an exchange any more.
type abandoned struct{ exchange *Exchange }

// noListener tells a connection that whom it asked has stopped.
type noListener struct{}

// hijacked tells a connection that its socket has left net/http.
type hijacked struct{}

// Hijacked tells the connection actor conn that its socket was hijacked: unless
// that was its own doing, there is nothing left for it to do.
func (rt *Runtime) Hijacked(conn *actor.PID) { rt.system.Root.Send(conn, &hijacked{}) }

// Serve has the connection actor conn decide ex and writes the answer, unless the
// connection was upgraded. It returns when the exchange is over. Without a conn one
// is made that lives for this exchange and, if that is upgraded, for what follows.
func (rt *Runtime) Serve(conn *actor.PID, ex *Exchange) {
	switch {
	case conn != nil:
		rt.ask(conn, ex)
	case ex.Upgrade != nil:
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

// decide upgrades ex, or refuses it, without waiting for an actor: that comes into the
// world as a turn of the crew, whose stacks are large enough for all that is made then.
// A goroutine of net/http's would have to grow its own first (make bench ROWS=upgrades).
func (rt *Runtime) decide(ex *Exchange) {
	plan, refusal := rt.judge(ex)
	if refusal != nil {
		ex.response = refusal
		return
	}
	nc, first, refusal := plan.take(ex.Writer)
	if refusal != nil {
		ex.response = refusal
		return
	}
	rt.crew.Schedule(func() {
		c := &conn{rt: rt}
		c.side = gone{c} // until it has become something
		c.mailbox.kept = true
		rt.bear(c)
		c.mailbox.runFirst(func() {
			defer c.rescue()
			defer plan.letGo()
			c.become(plan, rt.newWire(nc, &c.mailbox, plan.Portable), first)
		})
	})
}

// judge asks ex's Upgrade, whose panic is the end of ex.
func (rt *Runtime) judge(ex *Exchange) (plan *Plan, refusal *http.Response) {
	defer func() {
		if reason := recover(); reason != nil {
			rt.system.Logger().Error("upgrade panicked", "reason", reason)
			refusal = plain(http.StatusInternalServerError, upgradeFailed)
		}
	}()
	return ex.Upgrade.Upgrade(ex.Request)
}

const upgradeFailed = "upgrade failed"

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

// part has net/http close the connection now: it would wait for the rest of a
// body, for ever. Unless we are short of room it half-closes first, as it does
// when a MaxBytesReader is full, so that bytes which nobody has read do not reset
// the connection before the answer is there (RFC 9112 9.6).
func part(w http.ResponseWriter, status int) {
	http.NewResponseController(w).SetReadDeadline(time.Now())
	if status != http.StatusServiceUnavailable {
		http.MaxBytesReader(w, io.NopCloser(strings.NewReader(" ")), 0).Read(make([]byte, 1))
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

func discard(r *http.Response) {
	if r.Body != nil {
		r.Body.Close()
	}
}

func plain(status int, why string) *http.Response {
	return &http.Response{
		StatusCode: status,
		Header:     http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		Body:       io.NopCloser(strings.NewReader(why + "\n")),
		Close:      true,
	}
}

func writeResponse(w http.ResponseWriter, r *http.Response) {
	h := w.Header()
	for name, values := range r.Header {
		h[name] = values
	}
	if r.Close {
		h.Set("Connection", "close")
	}
	if r.ContentLength > 0 && h.Get("Content-Length") == "" {
		h.Set("Content-Length", fmt.Sprint(r.ContentLength))
	}
	status := r.StatusCode
	if status == 0 {
		status = http.StatusOK
	}
	w.WriteHeader(status)
	if r.Body != nil {
		io.Copy(w, r.Body)
		r.Body.Close()
	}
}

// server is the side of a connection that speaks HTTP as a server.
type server struct {
	*conn
	exchange *Exchange  // the one before us
	listener *actor.PID // who is watched; nil: nobody
}

func (s *server) item(any) {} // nobody is there to take it

func (s *server) receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *Exchange:
		s.exchange = m
		if m.Upgrade != nil {
			s.upgrade(m.Upgrade)
		} else {
			s.watch(m.Listener)
			s.tell(m.Listener, m.Request)
		}
	case *http.Response:
		s.answer(m)
	case Upgrader:
		s.upgrade(m)
	case *actor.DeadLetterResponse, *noListener:
		s.answer(plain(http.StatusServiceUnavailable, "no listener"))
	case *actor.Terminated: // in its turn: this has overtaken what the listener said last
		s.listener = nil
		s.ctx.Send(s.ctx.Self(), &noListener{})
	case *abandoned:
		if s.exchange == m.exchange {
			s.over()
		}
	case *hijacked:
		s.end()
	}
}

func (s *server) answer(r *http.Response) {
	ex := s.exchange
	if ex == nil {
		discard(r)
		return
	}
	ex.answer(r)
	s.over()
}

// over: the exchange is, and we wait for the next one if there can be one.
func (s *server) over() {
	last := s.exchange.last
	s.exchange = nil
	if last {
		s.end()
	}
}

// watch is of one listener, or nobody, at a time.
func (s *server) watch(listener *actor.PID) {
	if s.listener != nil && !s.listener.Equal(listener) {
		s.ctx.Unwatch(s.listener)
	}
	if listener != nil && !listener.Equal(s.listener) {
		s.ctx.Watch(listener)
	}
	s.listener = listener
}

// upgrade swaps HTTP for the pipeline, in this turn: nobody reads the socket
// meanwhile, for net/http's goroutine waits for the exchange.
func (s *server) upgrade(u Upgrader) {
	ex := s.exchange
	if ex == nil {
		return
	}
	plan, refusal := u.Upgrade(ex.Request)
	if refusal != nil {
		s.answer(refusal)
		return
	}
	if !ex.claim() {
		plan.comeToNothing()
		s.over()
		return
	}
	defer close(ex.done)
	nc, first, refusal := plan.take(ex.Writer)
	if refusal != nil {
		ex.response = refusal
		s.over()
		return
	}
	defer plan.letGo()
	s.exchange = nil
	s.watch(nil)
	s.become(plan, s.rt.newWire(nc, &s.mailbox, plan.Portable), first)
}

func (s *server) signalled(uint32) {}
func (s *server) settle()          {}

func (s *server) stop() {
	s.watch(nil)
	if s.exchange != nil {
		s.exchange.answer(plain(http.StatusServiceUnavailable, "shutting down"))
		s.exchange = nil
	}
}

func (s *server) crashed(error) {
	if s.exchange != nil {
		s.exchange.answer(plain(http.StatusInternalServerError, upgradeFailed))
	}
	s.end()
}
