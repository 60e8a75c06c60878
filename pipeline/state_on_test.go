//go:build spindriftdebug

package pipeline

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// A state that cannot be is noticed, one contradiction at a time.
func TestImpossible(t *testing.T) {
	text, rest, ping := frame.Text("x"), frame.Fragment(frame.OpContinuation, true, []byte("x")), frame.Ping([]byte("x"))
	begun := frame.Fragment(frame.OpText, false, []byte("x"))
	told := &Closed{Code: frame.Normal, By: Peer}
	ending := func(phase phase, contradict func(c *closer)) stateful {
		c := &closer{Closing: &Closing{Timeout: 1}, phase: phase}
		switch phase {
		case settling:
			c.wait = new(wait)
		case closing, over:
			c.wait, c.outcome = new(wait), told
		}
		require.Empty(t, c.impossible())
		contradict(c)
		return c
	}
	kept := func(contradict func(b *outbox), queue ...*frame.Frame) stateful {
		b := &outbox{queue: queue, size: costs(queue)}
		contradict(b)
		return b
	}
	inLine := func(contradict func(s *sequencer), messages ...*frame.Frame) stateful {
		s := &sequencer{open: true, backlog: &backlog{messages: messages, size: costs(messages)}}
		contradict(s)
		return s
	}
	assembled := func(contradict func(a *assembler)) stateful {
		a := &assembler{message: &frame.Frame{Header: frame.Header{Opcode: frame.OpText}, Payload: []byte("xyz")}, over: 3}
		require.Empty(t, a.impossible())
		contradict(a)
		return a
	}
	for want, wrong := range map[string]stateful{
		"an item is through, and still on its way up":              ending(open, func(c *closer) { c.fromPeer = true }),
		"open, and there was a last word":                          ending(open, func(c *closer) { c.outcome = told }),
		"settling for a Close and for a mistake":                   ending(settling, func(c *closer) { c.outcome, c.mistake = told, noMemory }),
		"the rest of a message will not come, and nobody was told": ending(settling, func(c *closer) { c.partial = true }),
		"nobody knows how it ended":                                ending(over, func(c *closer) { c.outcome = nil }),
		"a mistake that was not answered":                          ending(closing, func(c *closer) { c.mistake = noMemory }),
		"a phase without an end":                                   ending(settling, func(c *closer) { c.wait = nil }),
		"the queue costs something else":                           kept(func(b *outbox) { b.size++ }, text),
		"a control frame waits":                                    kept(func(*outbox) {}, text, ping),
		"a Close went down, and output waits":                      kept(func(b *outbox) { b.state = leaving }, text),
		"what has begun to go out does not go on":                  kept(func(*outbox) {}, rest),
		"the end of a message has nowhere to go":                   kept(func(*outbox) {}, text, begun),
		"the backlog costs something else":                         inLine(func(s *sequencer) { s.backlog.size++ }, text),
		"a piece of a message waits":                               inLine(func(*sequencer) {}, begun),
		"messages wait for the end of none":                        inLine(func(s *sequencer) { s.open = false }, text),
		"a Close went down, and messages wait":                     inLine(func(s *sequencer) { s.state = left }, text),
		"more than nothing is to come":                             assembled(func(a *assembler) { a.rest = -1 }),
		"a message is assembled, and goes up in pieces":            assembled(func(a *assembler) { a.passing = true }),
		"a whole message is kept":                                  assembled(func(a *assembler) { a.message.Fin = true }),
		"a message without its beginning":                          assembled(func(a *assembler) { a.message.Opcode = frame.OpContinuation }),
		"a message that is to go up in pieces":                     assembled(func(a *assembler) { a.over = 2 }),
		"stages hold more than the Budget knows of":                &books{&budgeted{held: 10}, []holder{&deflate{held: 11}}},
	} {
		assert.Equal(t, wrongs{want}, wrong.impossible())
	}
	for _, fine := range []stateful{
		kept(func(b *outbox) { b.open = true }, rest), kept(func(b *outbox) { b.coming = waits }, text, begun),
		kept(func(b *outbox) { b.state = leaving }), inLine(func(*sequencer) {}, text),
		&books{&budgeted{held: 10}, []holder{&deflate{held: 10}}}, &books{&budgeted{closed: true}, []holder{&deflate{held: 1}}},
	} {
		assert.Empty(t, fine.impossible())
	}
}

// The layers that know it are asked after each item, with those of a Budget.
func TestStateIsLookedAt(t *testing.T) {
	core := &Core{Budget: new(Budget), Above: Outbox{Policy: DropOldest}, Deflate: new(Deflate)}
	r := newRigOf(t, Chain(), core)
	require.Len(t, r.pipeline.ledger.watched, 5)
}
