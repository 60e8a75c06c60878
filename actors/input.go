package actors

import (
	"io"
	"time"

	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/pipeline"
)

const (
	readsATurn   = 16      // how many read buffers a turn may fill
	worthReading = 8 << 10 // bytes: less free space than this is not read into, and less input is copied
)

// pauseReason is why the socket may not be read. Several may hold at once.
type pauseReason uint8

const (
	noCredit      pauseReason = 1 << iota // the handler has not worked through what it has
	handlerPaused                         // the handler has said Pause
	stageFull                             // a stage holds enough for the handler
	peerSlow                              // half of the output that may wait does: what the peer says now would only add answers to it
)

// pauseReasons is why the socket may not be read now. A Receiver waits for space before it answers, so that its peer is
// read however slow it is: two that were not would wait for each other. Once nobody is told any more what the peer says
// there is no reason: it is read to find its end.
func (s *stream) pauseReasons() (why pauseReason) {
	if s.hangup() != nil || s.hearing == hearsNothing {
		return 0
	}
	if s.credit.spent(s.limits) {
		why |= noCredit
	}
	if s.onHold {
		why |= handlerPaused
	}
	if s.throttled {
		why |= stageFull
	}
	if s.out.blocked && s.limits.Out > 0 && s.outstanding() > s.limits.Out/2 && s.top.isActor() {
		why |= peerSlow
	}
	return why
}

// pauses are the times in which the socket of a connection was not read.
type pauses struct {
	pending pendingInput
	began   time.Duration // when the present one began, if it is by us
	byUs    time.Duration // how long the earlier ones by us lasted, in all
}

// pause stops reading, until the turn's end at least.
func (s *stream) pause() {
	s.input.Pause = true
	s.pauseFor(s.pauseReasons())
}

// pauseFor notes why the socket is not read, and ends the time of a pause by us if another reason is left, or none. The
// peer is not blamed for time in which that is not its doing.
func (s *stream) pauseFor(why pauseReason) {
	r := s.makeRare()
	if r.pauses == nil {
		r.pauses = new(pauses)
	}
	next := pausedByPeer
	if why&(noCredit|handlerPaused|stageFull) != 0 {
		next = pausedByUs
	}
	switch {
	case next == s.reading:
	case next == pausedByUs:
		r.pauses.began = s.rt.now()
	case s.reading == pausedByUs:
		r.pauses.byUs += s.rt.now() - r.pauses.began
	}
	s.reading = next
}

// pausedByUsFor is how long the socket was not read by now, for reasons that are not the peer's, in all.
func (s *stream) pausedByUsFor(now time.Duration) time.Duration {
	p := s.rarely().pauses
	switch {
	case p == nil:
		return 0
	case s.reading == pausedByUs:
		return p.byUs + now - p.began
	}
	return p.byUs
}

// resume ends a pause whose reasons are over, and reads. What is read may bring another pause, whose reason
// may be over before this returns: hence the loop, for nobody else would resume then.
func (s *stream) resume() {
	for s.reading != reads {
		why := s.pauseReasons()
		if s.pauseFor(why); why != 0 {
			return
		}
		s.reading = reads
		s.feedPending()
		s.read()
	}
}

// read takes what the socket has, as long as there is credit for it.
func (s *stream) read() {
	if s.peerEnd == endReached || s.reading != reads {
		return
	}
	if s.pauseReasons() != 0 {
		s.pause()
		return
	}
	var buf, none *transport.ReadBuffer
	defer func() { transport.PutReadBuffer(buf) }() // also if a stage panics
	defer s.noticeAnswers()
	for i := 0; s.reading == reads && !s.endDue; i++ {
		if i == readsATurn { // let others have theirs
			s.mailbox.Signal(transport.Readable)
			s.mailbox.Yield()
			break
		}
		if buf == nil {
			buf = transport.GetReadBuffer()
		}
		p, holder := s.spaceInMessage(), &none
		if p == nil {
			p, holder = buf[:], &buf
		}
		n, err := s.transport.Read(p)
		if n > 0 {
			s.lastRead = s.rt.now()
			s.feed(p[:n], holder)
			s.top.handOver(s) // the handler may begin while we read on
		}
		if err == transport.ErrAgain {
			if n > 0 && s.peerEnd == endAhead { // the end comes right behind
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

// noticeAnswers finds output that TLS has made by itself while it read: it answers a peer that asks for
// new keys, and the peer may not read.
func (s *stream) noticeAnswers() {
	if !s.out.blocked && s.writeError() == nil && s.transport.Buffered() > 0 {
		s.block()
	}
}

// spaceInMessage is where to read to if a stage is assembling a message that has space worth a system
// call; nil: nowhere.
func (s *stream) spaceInMessage() (p []byte) {
	if s.hangup() != nil {
		return nil
	}
	s.space = pipeline.Space{}
	s.pipeline.Up(&s.space)
	if p = s.space.Buf; len(p) < worthReading {
		return nil
	}
	s.space.Buf = nil
	return p
}

// readEnded: the peer has closed its half, or the connection is broken.
func (s *stream) readEnded(err error) {
	s.peerEnd = endReached
	switch {
	case err != io.EOF:
		s.abort(err)
	case s.hangup() != nil:
		s.endDue = s.out.waiting() == 0 && !s.out.blocked
	case s.writeError() != nil:
		s.abort(s.writeError())
	default:
		s.pipeline.Up(&pipeline.Ended{})
	}
}
