package actors

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net"
	"reflect"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/internal/pool"
	"github.com/spindrift-go/spindrift/pipeline"
)

// ErrStopped is in Closed when the connection's actor was stopped from outside.
var ErrStopped = errors.New("connection actor was stopped")

const (
	chunksATurn = 16      // how many read buffers a turn may fill
	worthwhile  = 8 << 10 // of a read buffer: less is read elsewhere, or kept elsewhere
)

// stream is the side of a connection that drives a pipeline.
type stream struct {
	*conn
	*scratch // nil between turns
	wire     transport.Transport
	pipeline *pipeline.Pipeline
	group    *Group
	life     Lifetime // nil: nobody hears of the end
	next     *stream  // in the group
	prev     *stream
	limits   *Limits // shared: replaced, not changed

	handler *actor.PID

	own    bool  // the handler was spawned for this connection
	orphan bool  // the handler is gone
	closed bool  // the handler was told Closed
	paused bool  // the socket is not read
	spared bool  // ... because the handler gives no credit: not the peer's doing
	eof    bool  // the peer will send no more
	ended  bool  // ... or so the poller says
	broken bool  // it says that the connection is
	cut    bool  // the end is due at the end of the turn
	burst  uint8 // messages that the handler was given in the last turn that had any

	held    *held         // nil: nothing
	counted int           // bytes that the pipeline was told of, see tally
	since   time.Duration // it was spared, if it is
	unread  time.Duration // how long it was spared before
	credit  credit

	out      output
	lastRead time.Duration

	timers timers

	hung   *pipeline.Hangup // nil until asked for
	cause  error            // of the end, if not asked for
	failed error            // of the last write
}

// scratch is what a stream needs for the length of a turn, or of a burst of them;
// an idle one does without.
type scratch struct {
	envelopes envelopes
	input     pipeline.Input
	room      pipeline.Room
	hello     any              // of the Plan, until it has gone up; nil: none
	fired     any              // the timer's event that is on its way up
	late      bool             // something waited to be read when it was due
	account   *pipeline.Closed // nil until the pipeline has closed it
}

var scratches = pool.New("scratches", func() any { return new(scratch) })

// begin is the first thing in every turn, rest the last when none follows.
func (s *stream) begin() {
	if s.scratch == nil {
		s.scratch = scratches.Get().(*scratch)
	}
}

func (s *stream) rest() {
	if s.scratch != nil {
		*s.scratch = scratch{}
		scratches.Put(s.scratch)
		s.scratch = nil
	}
}

// become makes c the driver of p over w, whose first bytes were read already,
// within the present turn.
func (c *conn) become(p *Plan, w transport.Transport, first []byte) {
	s := &stream{conn: c, limits: cmp.Or(p.Limits, &unlimited), life: p.Life, lastRead: c.rt.now()}
	s.begin()
	s.timers.deadline.Init(&c.mailbox)
	s.wire = w
	c.side = s
	s.handler = p.Handler
	if p.Spawn != nil {
		s.handler, s.own = c.rt.spawnHandler(c.ctx.Self(), p.Spawn), true
	} else {
		c.ctx.Watch(s.handler)
	}
	s.group = cmp.Or(p.Group, &c.rt.defaultGroup)
	s.group.join(s)
	s.hello = p.Hello
	s.pipeline = pipeline.New(s, p.Top, p.Core)
	s.out.add(p.Greeting)
	s.pipeline.Up(&pipeline.Start{})
	if p.Hello != nil { // through the stages, which may see and change it
		s.pipeline.Up(p.Hello)
		s.hello = nil
	}
	if p.Options != nil {
		s.pipeline.Down(p.Options)
	}
	if len(first) > 0 {
		s.feed(first, nil)
	}
	s.flush() // the answer to a handshake is awaited
	s.conclude()
}

func (s *stream) receive(ctx actor.Context) {
	s.begin()
	switch m := ctx.Message().(type) {
	case *actor.Touched:
		s.touched()
	case *actor.Terminated:
		if s.handler.Equal(m.Who) { // in its turn: this has overtaken what the handler said last
			s.ctx.Send(s.ctx.Self(), &handlerFailed{errHandlerStopped})
		}
	case *handlerFailed:
		s.orphaned(m.err)
	case *forgive:
		s.forgive()
	case *actor.DeadLetterResponse:
		s.ctx.Watch(s.handler) // Terminated comes at once if it was the handler that did not exist
	case *SetTop:
		s.setTop(m.Top)
	case *SetLimits:
		own := *s.limits
		m.Limits(&own)
		s.limits = &own
		s.recount()
		if m.Options != nil {
			s.pipeline.Down(m.Options)
		}
	case *Flush:
		if who := ctx.Sender(); who != nil {
			s.out.promised = &promise{who, s.out.promised}
		}
	case *Exchange, *abandoned, *hijacked, *noListener:
		// of the HTTP side that was
	default:
		s.pipeline.Down(m)
	}
	s.conclude()
}

func (s *stream) item(item any) {
	s.begin()
	s.pipeline.Down(item)
	s.conclude()
}

func (s *stream) signalled(bits uint32) {
	s.begin()
	if bits&transport.Ended != 0 {
		s.ended = true
	}
	switch {
	case bits&dispatch.Due != 0:
		s.fire()
	case bits&transport.Readable != 0:
		s.read()
	}
	if bits&transport.Writable != 0 && s.out.blocked {
		s.flush()
	}
	s.broken = s.broken || bits&transport.Broken != 0
	if s.broken && s.paused && s.hung == nil { // nothing would read the error
		if err := s.wire.Failure(); err != nil {
			s.breaks(err)
		}
	}
	s.conclude()
}

// settle writes what a burst of messages has made: one write for all of it.
func (s *stream) settle() {
	s.begin()
	if s.out.waiting() > 0 && !s.out.blocked {
		s.flush()
		s.conclude()
	}
	if s.out.waiting() == 0 && !s.out.blocked {
		s.keepPromises(nil)
	}
	s.rest()
}

func (s *stream) stop() {
	defer s.finish(ErrStopped) // also if a stage panics
	s.begin()
	s.pipeline.Down(&pipeline.Leave{})
	s.flush()
}

// crashed ends the connection after a panic in a stage; a second panic while
// doing so ends it on the spot.
func (s *stream) crashed(err error) {
	s.begin()
	if s.cause != nil || s.closed {
		s.finish(err)
		return
	}
	s.cause = err
	if s.hello != nil { // the panic kept it from the handler
		s.Deliver(s.hello)
	}
	defer func() {
		if recover() != nil {
			s.finish(err)
		}
	}()
	s.pipeline.Up(&pipeline.Orphaned{Err: err})
	if s.hung == nil { // the panic kept it from us
		s.hangup(&pipeline.Hangup{})
	}
	s.flush()
	s.conclude()
}

func (s *stream) orphaned(err error) {
	if !s.orphan {
		s.orphan = true
		s.pipeline.Up(&pipeline.Orphaned{Err: err})
		s.resume() // nobody will give credit any more
	}
}

// read takes what the socket has, as long as there is credit for it.
func (s *stream) read() {
	if s.eof || s.paused {
		return
	}
	if s.loaded() && s.hung == nil && !s.orphan {
		s.paused = true
		return
	}
	buf := transport.GetReadBuffer()
	defer func() { transport.PutReadBuffer(buf) }() // also if a stage panics
	defer s.answered()
	for i := 0; !s.paused && !s.cut; i++ {
		if i == chunksATurn { // let others have theirs
			s.mailbox.Signal(transport.Readable)
			s.mailbox.Yield()
			break
		}
		p, holder := s.roomFor(buf)
		n, err := s.wire.Read(p)
		if n > 0 {
			s.lastRead = s.rt.now()
			if s.feed(p[:n], holder) {
				buf = transport.GetReadBuffer()
			}
		}
		if err == transport.ErrAgain {
			if n > 0 && s.ended { // the end comes right behind
				continue
			}
			break
		}
		if err != nil {
			s.readEnded(err)
			break
		}
	}
}

// answered: what TLS has answered by itself while it read, to a peer that asks for new keys
// and does not read for instance, is output that waits.
func (s *stream) answered() {
	if !s.out.blocked && s.wire.Buffered() > 0 {
		s.block()
	}
}

// roomFor is where to read to: into the message that a stage is assembling if
// that has room worth a system call, else into buf.
func (s *stream) roomFor(buf *transport.ReadBuffer) (p []byte, holder *transport.ReadBuffer) {
	if s.hung == nil {
		s.room = pipeline.Room{}
		s.pipeline.Up(&s.room)
		if p = s.room.Buf; len(p) >= worthwhile {
			s.room.Buf = nil
			return p, nil
		}
	}
	return buf[:], buf
}

// feed sends bytes up. What the pipeline leaves for want of credit is held; then
// it keeps the buffer if there is one and it is worth it, and copies p otherwise.
func (s *stream) feed(p []byte, buf *transport.ReadBuffer) (kept bool) {
	if s.hung != nil { // nobody listens any more
		return false
	}
	in := &s.input
	in.Data, in.Pause = p, s.spent()
	s.pipeline.Up(in)
	rest := in.Data
	in.Data = nil
	if s.paused = in.Pause; s.paused && s.credit.spent(s.limits) {
		s.spared, s.since = true, s.rt.now()
	}
	if len(rest) == 0 || s.hung != nil {
		return false
	}
	if len(rest) < worthwhile {
		buf = nil
	}
	if buf == nil {
		rest = append([]byte(nil), rest...)
	}
	s.held = &held{rest, buf}
	return buf != nil
}

// held is input that was read and not yet decoded: the credit ran out.
type held struct {
	rest []byte
	buf  *transport.ReadBuffer // that rest lies in; nil: it has memory of its own
}

func (h *held) giveBack() {
	if h.buf != nil {
		transport.PutReadBuffer(h.buf)
	}
}

// spent: nothing more is read for now.
func (s *stream) spent() bool { return s.credit.spent(s.limits) || s.loaded() }

// loaded: a peer that does not take what waits for it, half of all that may, is
// not asked for more: the handler would only answer it, and the peer be closed.
func (s *stream) loaded() bool {
	return s.out.blocked && s.limits.Out > 0 && s.waiting() > s.limits.Out/2
}

// resume goes on reading after a pause.
func (s *stream) resume() {
	if s.spared && !s.credit.spent(s.limits) {
		s.spared = false
		s.unread += s.rt.now() - s.since
	}
	if !s.paused || s.spent() && !s.orphan && s.hung == nil {
		return
	}
	s.paused = false
	if h := s.held; h != nil {
		s.held = nil
		s.feedHeld(h)
	}
	s.read()
}

func (s *stream) feedHeld(h *held) {
	kept := false
	defer func() { // also if a stage panics
		if !kept {
			h.giveBack()
		}
	}()
	kept = s.feed(h.rest, h.buf)
}

// readEnded: the peer has closed its half, or the connection is broken.
func (s *stream) readEnded(err error) {
	s.eof = true
	switch {
	case err != io.EOF:
		s.breaks(err)
	case s.hung != nil:
		s.cut = s.out.waiting() == 0 && !s.out.blocked
	default:
		s.pipeline.Up(&pipeline.Ended{})
	}
}

// breaks marks the end of a connection that no longer works.
func (s *stream) breaks(err error) {
	s.cut = true
	if s.cause == nil {
		s.cause = err
	}
}

// hangup is asked for by the pipeline.
func (s *stream) hangup(m *pipeline.Hangup) {
	if m.Cut {
		s.cut = true
	}
	if s.hung == nil {
		s.hung = m
		s.drop()
		if s.limits.Linger > 0 {
			s.after(s.limits.Linger, &lingered{})
		}
	}
}

// drop forgets what was read and will not be decoded.
func (s *stream) drop() {
	if s.held != nil {
		s.held.giveBack()
		s.held = nil
	}
}

// envelopes are made in slabs, the first of a turn of as many as the last turn took:
// one allocation for a burst of 32 messages, and nobody keeps one for long.
type envelopes struct {
	slab  []actor.MessageEnvelope
	taken int // in this turn
}

const maxSlab = 32

func (e *envelopes) next(last int) *actor.MessageEnvelope {
	if len(e.slab) == 0 {
		e.slab = make([]actor.MessageEnvelope, min(max(last-e.taken, e.taken, 1), maxSlab))
	}
	e.taken++
	env := &e.slab[0]
	e.slab = e.slab[1:]
	return env
}

// hand gives an item to the handler, with the connection as sender.
func (s *stream) hand(item any) {
	env := s.envelopes.next(int(s.burst))
	env.Message, env.Sender = item, s.ctx.Self()
	s.ctx.Send(s.handler, env)
}

// conclude does at the end of a turn what may not be done in the middle of one.
func (s *stream) conclude() {
	if n := s.envelopes.taken; n > 0 {
		s.burst = uint8(min(n, maxSlab))
		s.envelopes = envelopes{}
	}
	if s.hung != nil && !s.cut {
		if s.out.waiting() > 0 && !s.out.blocked {
			s.flush()
		}
		if s.out.waiting() == 0 && !s.out.blocked && !s.out.shut {
			if !s.hung.Wait || s.eof {
				s.out.shut = true
				if !s.wire.CloseWrite() {
					s.endWithoutHalfClose()
				}
			}
			if s.eof {
				s.cut = true
			}
		}
		s.resume() // to see the peer's end
	}
	if s.paused && !s.loaded() {
		s.resume()
	}
	if s.failed != nil { // what the peer said before counts
		if s.hung == nil && !s.cut {
			s.read()
		}
		s.breaks(s.failed)
	}
	s.tally()
	if s.cut {
		s.finish(s.cause)
	}
}

// readOn is how long we go on reading where our half cannot be closed: closing a
// connection with unread input resets it, which destroys the Close frame in flight.
const readOn = time.Second

// endWithoutHalfClose: the peer learns of our end when the connection is closed. There is
// nothing to read for if its Close has come.
func (s *stream) endWithoutHalfClose() {
	if s.hung.Heard {
		s.cut = true
	} else {
		s.after(readOn, &lingered{})
	}
}

// finish is the one road out: Closed to the handler, the socket closed, nothing kept.
func (s *stream) finish(err error) {
	if s.side != side(s) {
		return
	}
	s.side = gone{s.conn}
	s.tellClosed(err)
	s.drop()
	s.wire.Close()
	s.out.release()
	s.rt.deadlines.Set(&s.timers.deadline, 0)
	s.keepPromises(net.ErrClosed)
	if s.group != nil {
		s.group.leave(s)
	}
	if s.life != nil {
		s.life.Ended()
		s.life.Released()
	}
	if s.group != nil {
		s.group.released()
	}
	switch {
	case s.own:
		s.ctx.Poison(s.handler) // after Closed
	case s.handler != nil:
		s.ctx.Unwatch(s.handler)
	}
	s.rest()
	s.end()
}

// Accounted keeps the account that says how the connection ended, as a
// pipeline.Driver does.
func (s *stream) Accounted(c *pipeline.Closed) { s.account = c }

// tellClosed has the pipeline close its account. A stage that panics, or keeps
// Closed to itself, cannot keep it from the handler.
func (s *stream) tellClosed(err error) {
	defer func() {
		if reason := recover(); reason != nil && err == nil {
			err = fmt.Errorf("panic: %v", reason)
		}
		if s.account == nil {
			s.account = pipeline.Crashed(err)
		}
		s.Deliver(s.account)
	}()
	s.flush()
	unsent := s.failed != nil || s.out.blocked || s.out.waiting() > 0
	s.pipeline.Up(&pipeline.Lost{Err: cmp.Or(err, s.failed), Unsent: unsent})
}

// Deliver takes what leaves the top, as a pipeline.Driver does: it is the handler's.
func (s *stream) Deliver(item any) {
	switch item.(type) {
	case *pipeline.Start, *pipeline.Flushed, *pipeline.Settled, *pipeline.Input, *pipeline.Room, *pipeline.Ended, *pipeline.Lost, *pipeline.Hold:
		return // meant for stages
	}
	if m, ok := item.(*pipeline.RoundTripTime); ok && m.Unasked {
		return
	}
	if s.closed || s.orphan || s.handler == nil || s.firing(item) {
		return
	}
	_, s.closed = item.(*pipeline.Closed)
	weight := pipeline.Weight(item) // before the handler may release it
	s.hand(item)
	if s.hello == nil { // what comes with it costs no credit
		s.charge(weight)
	} else if reflect.TypeOf(item) == reflect.TypeOf(s.hello) { // a stage may have made another of it
		s.hello = nil
	}
}

// Emit takes what leaves the bottom, as a pipeline.Driver does.
func (s *stream) Emit(item any) {
	switch m := item.(type) {
	case pipeline.Appender:
		s.write(m)
	case *pipeline.Status:
		s.report(m)
	case *pipeline.After:
		s.await(m)
	case *pipeline.Settle:
		s.settleHandler()
	case *pipeline.Hangup:
		s.hangup(m)
	}
}

func (s *stream) report(m *pipeline.Status) {
	now := s.rt.now()
	m.Now = s.rt.deadlines.Time(now)
	m.LastRead = s.rt.deadlines.Time(s.lastRead)
	if s.paused || s.late {
		m.LastRead = m.Now
	}
	m.Unread = s.unread
	if s.spared {
		m.Unread += now - s.since
	}
	m.Waiting = s.waiting()
	m.Blocked = s.out.blocked && m.Waiting >= pongRoom
	s.out.asked = s.out.asked || m.Waiting > 0
}
