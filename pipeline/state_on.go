//go:build spindriftdebug

package pipeline

import (
	"fmt"
	"slices"

	"github.com/spindrift-go/spindrift/frame"
)

// watched are the layers of a core whose state is looked at.
type watched []stateful

// stateful is a layer that knows what it cannot be in between two items.
type stateful interface{ impossible() wrongs }

// watch takes the layers of a pipeline's core, if that is a whole one: the others rely on its Sequence.
func (w *watched) watch(core []layer) {
	if !slices.ContainsFunc(core, func(l layer) bool { _, ok := l.(*sequencer); return ok }) {
		return
	}
	var budget *budgeted
	var holders []holder
	for _, l := range core {
		if s, ok := l.(stateful); ok {
			*w = append(*w, s)
		}
		switch l := l.(type) {
		case *budgeted:
			budget = l
		case holder:
			holders = append(holders, l)
		}
	}
	if budget != nil {
		*w = append(*w, &books{budget, holders})
	}
}

// check is called when an item is through. It ends the process if a layer is in a state that cannot be: a panic of
// this goroutine would be taken for that of a stage.
func (w watched) check() {
	for _, l := range w {
		if wrong := l.impossible(); len(wrong) > 0 {
			go panic(fmt.Sprintf("pipeline: state of a %T that cannot be: %q", l, wrong))
		}
	}
}

// wrongs collects what is wrong. It costs nothing where nothing is.
type wrongs []string

func (w *wrongs) add(what string, is bool) {
	if is {
		*w = append(*w, what)
	}
}

func (c *closer) impossible() (wrong wrongs) {
	told, limited := c.outcome != nil, c.Timeout > 0
	wrong.add("an item is through, and still on its way up", bool(c.fromPeer))
	wrong.add("open, and there was a last word", c.phase == open && (told || c.mistake != nil))
	wrong.add("settling for a Close and for a mistake", c.phase == settling && told && c.mistake != nil)
	wrong.add("the rest of a message will not come, and nobody was told", c.phase != open && c.phase != closing && c.phase != reported && c.partial)
	wrong.add("nobody knows how it ended", c.phase >= closing && !told)
	wrong.add("a mistake that was not answered", c.phase == closing && c.mistake != nil)
	wrong.add("a phase without an end", (c.phase == settling || c.phase == closing) && limited && c.wait == nil)
	return wrong
}

func (b *outbox) impossible() (wrong wrongs) {
	wrong.add("the queue costs something else", b.size != costs(b.queue))
	wrong.add("a control frame waits", slices.ContainsFunc(b.queue, func(f *frame.Frame) bool { return f.Opcode.Control() }))
	wrong.add("a Close went down, and output waits", b.state == leaving && len(b.queue) > 0)
	if len(b.queue) > 0 {
		first, last := b.queue[0], b.queue[len(b.queue)-1]
		wrong.add("what has begun to go out does not go on", b.open != (first.Opcode == frame.OpContinuation))
		wrong.add("the end of a message has nowhere to go", b.state == keeping && (b.coming == waits) == last.Fin)
	}
	return wrong
}

func (s *sequencer) impossible() (wrong wrongs) {
	b := s.backlog
	if b == nil {
		return nil
	}
	wrong.add("the backlog costs something else", b.size != costs(b.messages))
	wrong.add("a piece of a message waits", slices.ContainsFunc(b.messages, func(f *frame.Frame) bool { return !f.Fin }))
	wrong.add("messages wait for the end of none", s.state == inOrder && !s.open)
	wrong.add("a Close went down, and messages wait", s.state == left)
	return wrong
}

func costs(frames []*frame.Frame) (n int) {
	for _, f := range frames {
		n += cost(f)
	}
	return n
}

func (a *assembler) impossible() (wrong wrongs) {
	wrong.add("more than nothing is to come", a.rest < 0)
	if m := a.message; m != nil {
		wrong.add("a message is assembled, and goes up in pieces", a.passing)
		wrong.add("a whole message is kept", m.Fin)
		wrong.add("a message without its beginning", m.Opcode == frame.OpContinuation)
		wrong.add("a message that is to go up in pieces", a.over > 0 && int64(len(m.Payload)) > a.over)
	}
	return wrong
}

// holder is a layer that holds memory which the Budget knows of.
type holder interface{ holds() int }

func (a *assembler) holds() int {
	if a.message == nil {
		return 0
	}
	return footprint(a.message)
}

func (d *deflate) holds() int { return int(d.held) }

// books is what a connection's Budget has in its books, and who holds it.
type books struct {
	*budgeted
	holders []holder
}

func (b *books) impossible() (wrong wrongs) {
	if b.closed {
		return nil
	}
	sum := 0
	for _, h := range b.holders {
		sum += h.holds()
	}
	wrong.add("stages hold more than the Budget knows of", int64(sum) > b.held) // the driver has its part
	return wrong
}
