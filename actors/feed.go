package actors

import (
	"github.com/spindrift-go/spindrift/actors/transport"
)

// worthKeeping is in bytes: a shorter message does not keep the read buffer that it lies in.
const worthKeeping = len(transport.ReadBuffer{}) / 4 * 3

// feed sends p up. It lies in *buf, if that is not nil; feed sets it to nil when it has given the buffer
// away. What the pipeline leaves for want of credit waits, in the buffer if that is worth it, and else in
// a copy.
func (s *stream) feed(p []byte, buf **transport.ReadBuffer) {
	if s.hangup() != nil { // nobody listens any more
		return
	}
	in := &s.input
	in.Data, in.Pause = p, s.pauseReasons() != 0
	if *buf != nil && len(p) >= worthKeeping {
		s.feedWith(buf)
	} else {
		s.pipeline.Up(in)
	}
	rest := in.Data
	in.Data = nil
	if in.Pause {
		s.pause()
	}
	switch {
	case len(rest) == 0 || s.hangup() != nil:
	case *buf != nil && len(rest) >= worthReading:
		s.rare.pauses.pending = pendingInput{rest, *buf}
		*buf = nil
	default:
		s.rare.pauses.pending = pendingInput{append([]byte(nil), rest...), nil}
	}
}

// feedWith sends input up with the buffer that it fills most of. A message that is all of it keeps that:
// to copy 64 KiB takes 6 to 10 % of the CPU time of an echo (make bench ROWS=echo64k).
func (s *stream) feedWith(buf **transport.ReadBuffer) {
	in := &s.input
	in.Memory = *buf
	defer func() { // also if a stage panics, which may have passed the message on
		if in.Memory == nil {
			(*buf).Leave()
			*buf = nil
		}
		in.Memory = nil
	}()
	s.pipeline.Up(in)
}

// pendingInput is input that was read and not yet decoded: the credit ran out.
type pendingInput struct {
	rest []byte                // nil: nothing is
	buf  *transport.ReadBuffer // that rest lies in; nil: it has memory of its own
}

func (p *pendingInput) free() { transport.PutReadBuffer(p.buf) }

// takePending takes what was read and not decoded.
func (s *stream) takePending() (p pendingInput) {
	if had := s.rarely().pauses; had != nil {
		p, had.pending = had.pending, pendingInput{}
	}
	return p
}

func (s *stream) feedPending() {
	p := s.takePending()
	if p.rest == nil {
		return
	}
	defer func() { p.free() }() // what of it was not given away, also if a stage panics
	s.feed(p.rest, &p.buf)
}

// dropPending forgets what was read and will not be decoded.
func (s *stream) dropPending() {
	p := s.takePending()
	p.free()
}
