package actors

import (
	"time"

	"github.com/spindrift-go/spindrift/pipeline"
)

// A peer that takes its output too slowly is found out in two ways.
//
//	slow     more than Limits.Out waits, and the peer has taken less than that in Limits.SlowAfter; or more
//	         than Limits.Burst waits, whatever it takes. The pipeline is told Overflow.
//	stalled  output waits, and the socket has taken nothing of it for Limits.Stall. The pipeline is told Stalled.

// progress is what the socket had taken at some time.
type progress struct {
	at      time.Duration // 0: not known
	written int64
}

// overLimit reports whether there is no space for m. One that is larger than the limit
// itself finds space when nothing waits but what the transport buffers.
func (s *stream) overLimit(m pipeline.Appender) bool {
	limit, size := s.limits.Out, m.Size()
	return limit > 0 && s.outstanding()+size > limit && (size <= limit || s.out.waiting() > 0)
}

// lacksSpace reports whether the messages of p would not all be within the limit.
func (s *stream) lacksSpace(p *pipeline.Prepared) bool {
	return s.limits.Out > 0 && s.outstanding()+p.Size() > s.limits.Out
}

// tolerates reports whether m may wait although more waits than the limit: a burst is no
// proof of a slow peer. One that is slow takes less than the limit in Limits.SlowAfter.
func (s *stream) tolerates(m pipeline.Appender) bool {
	l := s.limits
	if l.Burst > 0 && s.outstanding()+m.Size() > l.Burst || s.slow() {
		return false
	}
	if !s.out.slowWatched {
		s.watchSlow(l.SlowAfter)
	}
	return true
}

// slow reports whether the peer has had its time, since the socket was first full or the
// last time that it had, and has taken less than the limit in it.
func (s *stream) slow() bool {
	now := progress{s.rt.now(), s.transport.Written()}
	then := s.rarely().behind
	switch {
	case s.limits.SlowAfter <= 0, then.at > 0 && now.at-then.at < s.limits.SlowAfter:
		return false
	case then.at > 0 && now.written-then.written < int64(s.limits.Out):
		return true
	}
	s.makeRare().behind = now
	return false
}

// slowCheck looks whether a peer for which more waits than the limit is slow.
type slowCheck struct{}

func (s *stream) checkSlow() {
	s.out.slowWatched = false
	switch limit := s.limits.Out; {
	case limit <= 0 || s.outstanding() <= limit || s.out.halfClosed:
	case s.slow():
		s.out.overflowed = true
		s.pipeline.Up(&pipeline.Overflow{})
	default:
		s.watchSlow(s.untilSlow())
	}
}

// untilSlow is what is left of the peer's time.
func (s *stream) untilSlow() time.Duration {
	return s.rarely().behind.at + s.limits.SlowAfter - s.rt.now()
}

// watchSlow has a look at the peer when its time is over, past d.
func (s *stream) watchSlow(d time.Duration) {
	if s.out.slowWatched = s.limits.SlowAfter > 0; s.out.slowWatched {
		s.after(d, &slowCheck{})
	}
}

// stallCheck looks whether output has moved since.
type stallCheck struct {
	written     int64
	interrupted bool
}

// interruptTime is how long a write that was interrupted has to tell what it has written.
const interruptTime = 100 * time.Millisecond

// checkStall ends a connection whose socket has not taken a single byte of waiting
// output since the last look. A peer may read a little now and then: the kernel has
// some space long before it calls a socket writable, so this tries, and what a writer
// has begun counts as far as it has come.
func (s *stream) checkStall(m *stallCheck) {
	s.out.stallWatched = false
	if s.out.blocked && s.transport.Written() == m.written {
		s.flush()
	}
	switch {
	case !s.out.blocked:
	case s.transport.Written() != m.written:
		s.watchStall()
	case !m.interrupted && s.transport.InterruptWrite():
		s.out.stallWatched = true
		s.after(interruptTime, &stallCheck{m.written, true})
	default:
		s.pipeline.Up(&pipeline.Stalled{})
	}
}

// watchStall makes sure that output which waits is looked after.
func (s *stream) watchStall() {
	if s.limits.Stall > 0 && !s.out.stallWatched {
		s.out.stallWatched = true
		s.after(s.limits.Stall, &stallCheck{written: s.transport.Written()})
	}
}
