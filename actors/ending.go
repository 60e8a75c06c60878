package actors

import (
	"cmp"
	"fmt"
	"net"
	"time"

	"github.com/spindrift-go/spindrift/pipeline"
)

// How a connection ends.
//
//	asked for     the pipeline emits Hangup: what waits is written, our half closed, the
//	              peer's end, its silence or a timer awaited, then finish. What is read is dropped.
//	a read fails  after what the peer sent before it: finish.
//	a write fails nothing is written any more. What the peer sent before is read, as the
//	              handler's credit allows; then finish.
//	a panic       of a stage: as asked for, if the pipeline still works. Else finish.
//	stopped       from outside: finish.
//
// finish is the one road out: Closed is handed over, the socket closed, nothing kept. Then
// the connection is ended, and takes its place in the caps, until its handler has worked through Closed.

// hangUp begins the end that the pipeline has asked for.
func (s *stream) hangUp(m *pipeline.Hangup) {
	if m.Cut {
		s.endDue = true
	}
	if s.hangup() == nil {
		s.beginEnding().hangup = m
		s.dropPending()
		s.linger()
	}
}

// lingerCheck comes when what is waited for at the end has had its time.
type lingerCheck struct{}

func (s *stream) linger() {
	if s.limits.Linger > 0 {
		s.after(s.limits.Linger, &lingerCheck{})
	}
}

// checkLinger ends the connection, unless it waits for our handler: that has CreditTimeout.
func (s *stream) checkLinger() {
	if s.hangup() == nil && s.reading != reads {
		s.linger()
		return
	}
	s.endDue = true
}

// abort marks the end of a connection that no longer works.
func (s *stream) abort(err error) {
	s.endDue = true
	if s.cause() == nil {
		s.beginEnding().cause = err
	}
}

// concludeTurn does at the end of a turn what may not be done in the middle of one: it hands over, goes on
// reading, and ends the connection if its end is due.
func (s *stream) concludeTurn() {
	s.endDelivery()
	if s.hangup() != nil && !s.endDue {
		s.closeInSteps()
	}
	if s.reading != reads {
		s.resume()
	}
	if s.writeError() != nil && !s.endDue {
		s.readTheRest()
	}
	s.reportMemory()
	if s.endDue {
		s.finish(s.cause())
		return
	}
	s.endDelivery()
}

// closeInSteps writes what waits, closes our half, and waits for the peer's end.
func (s *stream) closeInSteps() {
	if s.out.waiting() > 0 && !s.out.blocked {
		s.flush()
	}
	if s.out.waiting() > 0 || s.out.blocked || s.out.halfClosed {
		return
	}
	half := s.transport.CanCloseWrite()
	if half {
		s.boundEnd()
	}
	if half && s.hangup().Wait && s.peerEnd != endReached {
		return
	}
	s.out.halfClosed = true
	if half {
		s.transport.CloseWrite()
	} else {
		s.endWithoutHalfClose()
	}
	if s.peerEnd == endReached {
		s.endDue = true
	}
}

// readOn is how long we go on reading where our half cannot be closed: closing a
// connection with unread input resets it, which destroys the Close frame in flight.
const readOn = time.Second

// boundEnd gives the peer readOn to end: it has, or will have, all that we sent. Some peers wait for
// us to end first, and who waits for Closed, or in Conn.Close, would wait with them.
func (s *stream) boundEnd() {
	if e := s.beginEnding(); !e.timed {
		e.timed = true
		s.after(readOn, &silenceCheck{})
	}
}

// silenceCheck says when to look whether the peer still sends.
type silenceCheck struct{}

// checkSilence ends the connection of a peer that has sent nothing for a second, or whose Close
// has come: what it sends then is not worth a wait. Another is read on, until its time is over.
func (s *stream) checkSilence() {
	if left := s.lastRead + readOn - s.rt.now(); left > 0 && !s.hangup().Heard {
		s.after(left, &silenceCheck{})
		return
	}
	s.endDue = true
}

// endWithoutHalfClose: the peer learns of our end when the connection is closed. There is
// nothing to read for if its Close has come.
func (s *stream) endWithoutHalfClose() {
	if s.hangup().Heard {
		s.endDue = true
	} else {
		s.after(readOn, &lingerCheck{})
	}
}

// readTheRest reads on after a write has failed: the peer may have sent much before it
// ended, and it waits for credit as ever. Where a goroutine reads for us it has its time.
func (s *stream) readTheRest() {
	if s.hangup() == nil {
		s.read()
	}
	switch {
	case s.endDue:
		return
	case s.hangup() != nil: // it may have been read only now
		s.abort(s.writeError())
		return
	case s.reading != reads:
		s.endBehindPause()
		return
	}
	if !s.transport.HasUnread() {
		s.abort(s.writeError())
	} else if e := s.beginEnding(); !e.timed {
		e.timed = true
		s.linger()
	}
}

// finish is the one road out: Closed to the handler, the socket closed, nothing kept.
func (s *stream) finish(err error) {
	if s.behaviour != behaviour(s) {
		return
	}
	d := &ended{stream: s}
	s.behaviour = d
	defer d.leave()                                   // all of it also if a stage or an observer calls runtime.Goexit
	defer func() { s.observation().end(s.outcome) }() // before a drain, or the program, can see that it is over
	defer s.closeSocket()
	s.endSubscriptions()
	s.tellClosed(err)
}

// closeSocket closes the socket and answers those who wait for it.
func (s *stream) closeSocket() {
	s.dropPending()
	s.transport.Close()
	s.out.free()
	s.answerFlushes(net.ErrClosed)
	s.refuseOffers()
}

// leave tells those who wait for the end.
func (d *ended) leave() {
	s := d.stream
	s.rt.deadlines.Set(&s.timers.deadline, 0)
	if s.group != nil {
		s.group.leave(s)
	}
	if s.life != nil {
		s.life.Ended()
	}
	if t, ok := s.top.(*receiverTop); ok {
		t.receiver.Ended()
	}
	d.awaitHandler()
	s.endTurn()
	s.pipeline = nil
}

// tellClosed sends Lost up the pipeline, whose core answers with Closed. A stage that panics,
// or keeps Closed to itself, cannot keep it from the handler.
func (s *stream) tellClosed(err error) {
	defer func() {
		if reason := recover(); reason != nil && err == nil {
			err = fmt.Errorf("panic: %v", reason)
		}
		if s.outcome == nil {
			s.outcome = pipeline.Crashed(err)
		}
		s.Deliver(s.outcome)
		s.endDelivery()
	}()
	s.flush()
	unsent := s.writeError() != nil || s.out.blocked || s.out.waiting() > 0
	s.pipeline.Up(&pipeline.Lost{Err: cmp.Or(err, s.writeError()), Unsent: unsent})
}
