package actors

import (
	"net"

	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/pipeline"
)

const (
	// flushThreshold is how much output a burst may make before some of it is written. The item that
	// reaches it must not make the buffer one that is not kept: a burst to thousands would make new ones all the time.
	flushThreshold = transport.MaxWriteBuffer / 2

	// directWriteMin is the size from which output is written from where it lies: a copy
	// into the out buffer would be one more of all its bytes (make bench ROWS=echo8k).
	directWriteMin = 4 << 10

	// pongSpace is how much may wait for a socket that takes nothing before it counts as
	// blocked for those who have a choice.
	pongSpace = 4 << 10
)

// output is what waits to be written. An idle connection has no buffer.
type output struct {
	buf          *[]byte // nil: nothing waits
	start        int     // what lies before was written
	blocked      bool    // the transport did not take all: Writable will be signalled
	tellWritten  bool    // a stage knows that output waits: it is told Written
	halfClosed   bool    // our half is closed
	overflowed   bool    // more waits than may, and the pipeline is told: only what is urgent follows
	pressured    bool    // Backpressure was told, Drained not yet
	stallWatched bool    // a stallCheck is on its way
	slowWatched  bool    // a slowCheck is on its way
}

func (o *output) waiting() int {
	if o.buf == nil {
		return 0
	}
	return len(*o.buf) - o.start
}

// outstanding is all that the socket has not taken: a transport buffers some of it.
func (s *stream) outstanding() int {
	n := s.out.waiting()
	if s.out.blocked {
		n += s.transport.Buffered()
	}
	return n
}

func (o *output) buffer() *[]byte {
	if o.buf == nil {
		o.buf = transport.GetWriteBuffer()
	}
	return o.buf
}

func (o *output) add(p []byte) {
	b := o.buffer()
	*b = append(*b, p...)
}

func (o *output) free() {
	if o.buf == nil {
		return
	}
	transport.PutWriteBuffer(o.buf)
	o.buf, o.start = nil, 0
}

// compact makes space at the front of a buffer that has been written in part, before
// that is more than half of what waits: two bytes are moved for each that was
// written, at most.
func (o *output) compact() {
	if o.start > directWriteMin && o.start > o.waiting()/2 {
		n := copy(*o.buf, (*o.buf)[o.start:])
		*o.buf = (*o.buf)[:n]
		o.start = 0
	}
}

// write takes one item of output, within the limit. What is urgent, a Close for
// instance, finds space when nothing else does.
func (s *stream) write(m pipeline.Appender) {
	o, l := &s.out, s.limits
	if s.hangup() != nil || o.halfClosed || o.overflowed && !m.Urgent() {
		return
	}
	if s.overLimit(m) {
		if s.flush(); o.halfClosed { // that has failed
			return
		}
		if s.overLimit(m) && !s.tolerates(m) {
			r := s.makeRare()
			if !m.Urgent() || r.urgent+m.Size() > flushThreshold {
				r.urgent = 0 // for the Close that this brings
				o.overflowed = true
				s.pipeline.Up(&pipeline.Overflow{})
				return
			}
			r.urgent += m.Size()
		}
	}
	if !s.writeDirect(m) {
		b := o.buffer()
		*b = m.Append(*b)
		if o.waiting() >= flushThreshold && !o.blocked {
			s.flush()
		}
	}
	if !o.pressured && l.High > 0 && s.outstanding() > l.High {
		o.pressured = true
		s.pipeline.Up(&pipeline.Backpressure{Waiting: s.outstanding()})
	}
}

// writeDirect writes a large item, behind what waits already, without copying
// more of it than the transport does not take.
func (s *stream) writeDirect(m pipeline.Appender) (done bool) {
	o := &s.out
	large, ok := m.(pipeline.Splitter)
	if !ok || o.blocked || m.Size() < directWriteMin {
		return false
	}
	b := o.buffer()
	head, body := large.Split(*b)
	if body == nil {
		return false
	}
	n, err := s.transport.Writev(head[o.start:], body)
	if err != nil && err != transport.ErrAgain {
		s.writeFailed(err)
		return true
	}
	if front := len(head) - o.start; n >= front {
		head, body, o.start = head[:0], body[n-front:], 0
	} else {
		o.start += n
	}
	*b = append(head, body...)
	switch {
	case err == transport.ErrAgain:
		s.block()
	case len(*b) > 0:
		s.flush()
	default:
		s.unblock()
	}
	return true
}

// flush writes as much as the transport takes.
func (s *stream) flush() {
	o := &s.out
	if o.buf == nil && !o.blocked {
		return
	}
	for {
		var p []byte
		if o.buf != nil {
			p = (*o.buf)[o.start:]
		}
		n, err := s.transport.Write(p)
		o.start += n
		if err == transport.ErrAgain {
			s.block()
			break
		}
		if err != nil {
			s.writeFailed(err)
			return
		}
		if n == len(p) {
			if s.unblock(); o.waiting() == 0 || o.blocked { // a stage may have had more
				break
			}
		}
	}
	if o.pressured && s.outstanding() < max(s.limits.low(), 1) {
		o.pressured = false
		s.pipeline.Up(&pipeline.Drained{Waiting: s.outstanding()})
	}
}

func (s *stream) block() {
	o := &s.out
	r := s.makeRare()
	if o.blocked = true; o.waiting() == 0 {
		o.free()
		r.urgent = 0
	} else {
		o.compact()
	}
	if r.behind.at == 0 {
		r.behind = progress{max(s.rt.now(), 1), s.transport.Written()}
	}
	s.watchStall()
}

func (s *stream) unblock() {
	o := &s.out
	o.free()
	if s.rare != nil {
		s.rare.behind, s.rare.urgent = progress{}, 0
	}
	if o.blocked || o.tellWritten {
		o.blocked, o.tellWritten = false, false
		s.pipeline.Up(&pipeline.Written{})
	}
}

// writeFailed: the peer is gone. It may have said why before.
func (s *stream) writeFailed(err error) {
	s.out.free()
	s.out.blocked, s.out.halfClosed = false, true
	s.beginEnding().writeErr = err // the turn's end sees to it: this may be the middle of a read
	if t, ok := s.top.(*receiverTop); ok {
		t.fail(err)
	}
}

// unwritable is net.ErrClosed if nothing is written any more.
func (s *stream) unwritable() error {
	if s.writeError() == nil {
		return nil
	}
	return net.ErrClosed
}
