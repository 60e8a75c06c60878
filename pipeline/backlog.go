package pipeline

import "github.com/spindrift-go/spindrift/frame"

// backlog is messages that wait for the end of another.
type backlog struct {
	losses
	messages []*frame.Frame // whole ones, oldest first
	size     int            // what they cost
}

// keep has a message wait for the end of the open one.
func (s *sequencer) keep(f *frame.Frame) {
	if s.backlog == nil {
		s.backlog = new(backlog)
	}
	b := s.backlog
	for s.exceeds(f) {
		switch s.Policy {
		case DropOldest:
			b.dropFirst()
			continue
		case DropNewest:
			b.refuse(f, 1)
			b.tell(&s.link)
		default:
			b.refuse(f, 1)
			s.fail("a message in fragments, and too much waits for its end")
		}
		return
	}
	b.messages = append(b.messages, f)
	b.size += cost(f)
	b.tell(&s.link)
	if s.High > 0 && b.size > s.High && s.first() {
		s.up(&Backpressure{Waiting: b.size})
	}
}

// exceeds reports whether f is too much for what waits. Who has waited for space may send a message of any size; but where there
// is a Policy, the limit is for all, f included.
func (s *sequencer) exceeds(f *frame.Frame) bool {
	b := s.backlog
	if s.Limit <= 0 || len(b.messages) == 0 {
		return false
	}
	if s.Policy == CloseSlow {
		return b.size > s.Limit
	}
	return b.size+cost(f) > s.Limit
}

// takeFirst takes out what has waited longest.
func (b *backlog) takeFirst() *frame.Frame {
	f := b.messages[0]
	b.messages[0] = nil
	b.messages = b.messages[1:]
	b.size -= cost(f)
	return f
}

func (b *backlog) dropFirst() { b.refuse(b.takeFirst(), 1) }

// sendOn sends what has waited for the end of a message. A stage above may answer
// what comes of that at once: it may begin another message, whose end the rest waits for.
func (s *sequencer) sendOn() {
	b := s.backlog
	if b == nil {
		return
	}
	for len(b.messages) > 0 && !s.open {
		s.down(b.takeFirst())
	}
	if s.open || s.backlog != b {
		return
	}
	s.backlog = nil
	b.report(&s.link)
	if s.backlog == nil && !s.pressed && s.falls() {
		s.up(&Drained{})
	}
}

// abandon drops what waits.
func (s *sequencer) abandon() {
	b := s.backlog
	if b == nil {
		return
	}
	s.backlog = nil
	for len(b.messages) > 0 {
		b.dropFirst()
	}
	b.report(&s.link)
}
