package actors

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/pipeline"
)

// fill is how much output a burst may make before some of it is written.
const fill = transport.MaxWriteBuffer

// direct is the size from which output is written from where it lies: a copy
// into the out buffer would be one more of all its bytes (make bench ROWS=echo8k).
const direct = 4 << 10

// pongRoom is how much may wait on a wire that takes nothing before it counts as
// blocked for those who have a choice.
const pongRoom = 4 << 10

// output is what waits to be written. An idle connection has no buffer.
type output struct {
	buf      *[]byte  // nil: nothing waits
	start    int      // what lies before was written
	urgent   int      // bytes that were taken beyond the limit
	blocked  bool     // the wire did not take all: writable will be signalled
	asked    bool     // a stage knows that output waits: it will be told Flushed
	shut     bool     // our half is closed
	over     bool     // more waits than may, and the pipeline will hear of it: but for what is urgent nothing follows
	pressed  bool     // Backpressure was told, Drained not yet
	watched  bool     // a stallCheck is on its way
	promised *promise // the latest; nil: none
}

// promise is of a Flushed.
type promise struct {
	to      *actor.PID
	earlier *promise
}

func (o *output) waiting() int {
	if o.buf == nil {
		return 0
	}
	return len(*o.buf) - o.start
}

// waiting is all that the socket has not taken: a wire keeps some of it.
func (s *stream) waiting() int {
	n := s.out.waiting()
	if s.out.blocked {
		n += s.wire.Buffered()
	}
	return n
}

// full reports whether there is no room for m. One that is larger than the limit
// itself finds room when nothing waits but what the wire keeps.
func (s *stream) full(m pipeline.Appender) bool {
	limit, size := s.limits.Out, m.Size()
	return limit > 0 && s.waiting()+size > limit && (size <= limit || s.out.waiting() > 0)
}

func (o *output) take() *[]byte {
	if o.buf == nil {
		o.buf = transport.GetWriteBuffer()
	}
	return o.buf
}

func (o *output) add(p []byte) {
	b := o.take()
	*b = append(*b, p...)
}

func (o *output) release() {
	if o.buf == nil {
		return
	}
	transport.PutWriteBuffer(o.buf)
	o.buf, o.start, o.urgent = nil, 0, 0
}

// compact makes room at the front of a buffer that has been written in part, before
// that is more than half of what waits: two bytes are moved for each that was
// written, at most.
func (o *output) compact() {
	if o.start > direct && o.start > o.waiting()/2 {
		n := copy(*o.buf, (*o.buf)[o.start:])
		*o.buf = (*o.buf)[:n]
		o.start = 0
	}
}

// write takes one item of output, within the limit. What is urgent, a Close for
// instance, finds room when nothing else does.
func (s *stream) write(m pipeline.Appender) {
	o, l := &s.out, s.limits
	if s.hung != nil || o.shut || o.over && !m.Urgent() {
		return
	}
	if s.full(m) {
		if s.flush(); s.full(m) {
			if !m.Urgent() || o.urgent+m.Size() > fill {
				o.urgent = 0 // for the Close that this brings
				o.over = true
				s.pipeline.Up(&pipeline.Overflow{})
				return
			}
			o.urgent += m.Size()
		}
	}
	if !s.writeDirect(m) {
		b := o.take()
		*b = m.Append(*b)
		if o.waiting() >= fill && !o.blocked {
			s.flush()
		}
	}
	if !o.pressed && l.High > 0 && s.waiting() > l.High {
		o.pressed = true
		s.pipeline.Up(&pipeline.Backpressure{Waiting: s.waiting()})
	}
}

// writeDirect writes a large item, behind what waits already, without copying
// more of it than the wire does not take.
func (s *stream) writeDirect(m pipeline.Appender) (done bool) {
	o := &s.out
	large, ok := m.(pipeline.Splitter)
	if !ok || o.blocked || m.Size() < direct {
		return false
	}
	b := o.take()
	head, body := large.Split(*b)
	if body == nil {
		return false
	}
	n, err := s.wire.Writev(head[o.start:], body)
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

// flush writes as much as the wire takes.
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
		n, err := s.wire.Write(p)
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
	if o.pressed && s.waiting() < max(s.limits.Low, 1) {
		o.pressed = false
		s.pipeline.Up(&pipeline.Drained{Waiting: s.waiting()})
	}
}

func (s *stream) block() {
	o := &s.out
	o.blocked = true
	if o.waiting() == 0 {
		o.release()
	} else {
		o.compact()
	}
	s.watchStall()
}

func (s *stream) unblock() {
	o := &s.out
	o.release()
	if o.blocked || o.asked {
		o.blocked, o.asked = false, false
		s.pipeline.Up(&pipeline.Flushed{})
	}
}

// writeFailed: the peer is gone. It may have said why before.
func (s *stream) writeFailed(err error) {
	s.out.release()
	s.out.blocked, s.out.shut = false, true
	s.failed = err // the turn's end sees to it: this may be the middle of a read
}

// keepPromises answers those who wait for a Flush.
func (s *stream) keepPromises(err error) {
	for p := s.out.promised; p != nil; p = p.earlier {
		s.ctx.Send(p.to, &Flushed{Err: err})
	}
	s.out.promised = nil
}
