package pipeline

import "github.com/spindrift-go/spindrift/frame"

// Sequence lets down only what RFC 6455 5.2, 5.4 and 5.5 allow, whoever sends what: a
// connection may have several senders. Its place is above the stages that change frames
// or keep them back, Outbox and Deflate.
//
//	comes down                 no message is open        one is open, in fragments
//	a whole message            passes                    waits for the end of the open one
//	the first of fragments     passes: a message is open a mistake
//	a continuation             a mistake                 passes; the last is followed by what waits
//	a control frame            passes                    passes
//	what no frame may have     a mistake                 a mistake
//
// The last row is an opcode that is reserved, a reserved bit that no extension has
// claimed, and a control frame in fragments, over 125 bytes or with a reserved bit. A
// mistake of this side's program never goes out: it ends the connection with 1011, and
// the error says what this side sent.
//
// What waits is waiting output: it is in Status, brings Backpressure, and is bounded. A
// message whose end does not come ends the connection with 1011 when others have
// waited for it over the limit, or with DropNewest and DropOldest costs those others.
// What still waits when a Close goes out, or at the end, is told as Dropped.
type Sequence struct {
	RSV    byte   // bits that an extension has claimed: the Codec's
	Limit  int    // bytes that may wait, each message with 64 more; the last may go over it, and with a Policy one alone; 0: no limit
	High   int    // bytes of waiting messages that bring Backpressure; 0: never
	Policy Policy // over the limit: CloseSlow (the end), DropNewest or DropOldest
}

// Stage returns the rules as a stage.
func (o Sequence) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, &sequencer{Sequence: &o, rsv: o.RSV}) }
}

type sequencer struct {
	link
	*Sequence          // the recipe, until its limit is changed
	backlog   *backlog // nil: nothing waits, and nothing is to be told
	pressure
	rsv   byte // bits that an extension has claimed
	open  bool // a message in fragments is on its way down
	state sequenceState
}

// sequenceState is what a Sequence still does.
type sequenceState uint8

const (
	inOrder  sequenceState = iota // the table
	mistaken                      // there was a mistake: nothing of a message goes down
	left                          // a Close went down: Closing takes no more
)

func (s *sequencer) onUp(item any) {
	switch item.(type) {
	case *Backpressure:
		if !s.rises() {
			return
		}
	case *Drained:
		if s.pressed = false; s.backlog != nil || !s.falls() {
			return
		}
	case *Closed:
		s.abandon()
	}
	s.up(item)
}

func (s *sequencer) onDown(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		s.take(m)
		return
	case *Prepared:
		if s.open || s.backlog != nil || s.state != inOrder {
			m.Each(s.onDown)
			return
		}
	case *Leave:
		s.leave(m)
		return
	case *Limits:
		own := *s.Sequence
		s.Sequence = &own
		set(&s.Limit, m.Out)
	case *Kept:
		m.Open = s.open
		if s.backlog != nil {
			m.Bytes += s.backlog.size
		}
		return
	case *Status:
		s.down(m)
		if s.backlog != nil {
			m.Waiting += s.backlog.size
		}
		return
	}
	s.down(item)
}

func (s *sequencer) take(f *frame.Frame) {
	if f.Fin && f.RSV == 0 && !s.open && s.backlog == nil && s.state == inOrder && (f.Opcode == frame.OpText || f.Opcode == frame.OpBinary) {
		s.down(f) // the table's first row, and nearly all there is
		return
	}
	what := s.mistake(f)
	switch {
	case s.state == left:
		s.down(f)
	case what != "":
		s.fail(what)
		f.Sent()
	case f.Opcode == frame.OpClose:
		s.leave(f)
	case f.Opcode.Control():
		s.down(f)
	case s.state == mistaken:
		f.Sent()
	case f.Opcode != frame.OpContinuation && (s.open || f.Fin && s.backlog != nil):
		s.keep(f)
	default:
		s.open = !f.Fin
		if s.down(f); !s.open {
			s.sendOn()
		}
	}
}

// fail ends the connection for a mistake of this side's program.
func (s *sequencer) fail(what string) {
	s.state = mistaken
	s.down(frame.Failure(frame.InternalError, "this side sent "+what))
}

// mistake says what is wrong with f, here and now; "" if nothing is.
func (s *sequencer) mistake(f *frame.Frame) string {
	first := f.Opcode != frame.OpContinuation
	switch {
	case f.Opcode > frame.OpPong || f.Opcode&0x7 > frame.OpBinary:
		return "a frame with a reserved opcode"
	case f.Opcode.Control():
		if len(f.Payload) > 125 || !f.Fin || f.RSV != 0 {
			return "a control frame in fragments, compressed or over 125 bytes"
		}
	case f.RSV&^s.rsv != 0, f.RSV != 0 && !first: // an extension marks the first frame of a message
		return "a frame with a reserved bit"
	case s.state != inOrder:
	case !first && !s.open:
		return "a continuation of no message"
	case first && s.open && !f.Fin:
		return "the beginning of a message inside another"
	}
	return ""
}

// leave sends a Close down, which overtakes what waits for a message that is open.
func (s *sequencer) leave(item any) {
	s.state = left
	s.down(item)
	s.abandon()
}
