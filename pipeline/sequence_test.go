package pipeline

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// Two messages of one byte may wait for the end of another; one brings Backpressure.
func TestSequence(t *testing.T) {
	const newest, oldest = DropNewest, DropOldest
	for _, tt := range []struct {
		name   string
		policy Policy
		script string
		sent   string
		told   string
	}{
		{"whole messages pass", CloseSlow, "a b <ping> c", "a b <ping> c", ""},
		{"fragments pass", CloseSlow, "a- -b- -c d- -e", "a- -b- -c d- -e", ""},
		{"a whole message waits for the end of the open one", CloseSlow, "a- b -c- <status> c -d e", "a- -c- -d b c e", "pressed, waiting 67, drained"},
		{"control frames pass", CloseSlow, "a- b <ping> <pong> -c", "a- <ping> <pong> -c b", "pressed, drained"},
		{"each time of waiting is told anew", CloseSlow, "a- b -c d- e -f", "a- -c b d- -f e", "pressed, drained, pressed, drained"},
		{"with that of the wire, told once: it begins first", CloseSlow, "<pressed> a- b -c <drained>", "a- -c b", "pressed, drained"},
		{"it begins last", CloseSlow, "a- b <pressed> -c <drained>", "a- -c b", "pressed, drained"},
		{"it ends first", CloseSlow, "a- b <pressed> <drained> -c", "a- -c b", "pressed, drained"},

		{"a stray continuation", CloseSlow, "-a", "<1011>", ""},
		{"behind the end of a message", CloseSlow, "a- -b -c", "a- -b <1011>", ""},
		{"a second beginning", CloseSlow, "a- b- -c", "a- <1011>", ""},
		{"nothing of a message follows a mistake, a close does", CloseSlow, "-a b c- -d <ping> <close>", "<1011> <ping> <close>", ""},
		{"what waits is lost with it", CloseSlow, "a- b c- <closed>", "a- <1011>", "pressed, dropped 1/1, closed"},

		{"too much waits", CloseSlow, "a- b c d e -f <closed>", "a- <1011>", "pressed, dropped 4/4, closed"},
		{"the last may be long", CloseSlow, "a- b c " + strings.Repeat("d", 500) + " -e f", "a- -e b c " + strings.Repeat("d", 500) + " f", "pressed, drained"},
		{"newest", newest, "a- b c d e -f g", "a- -f b c g", "pressed, dropped 1/1, dropped 1/1, drained"},
		{"oldest", oldest, "a- b c d e -f g", "a- -f d e g", "pressed, dropped 1/1, dropped 1/1, drained"},
		{"one may be long", CloseSlow, "a- " + strings.Repeat("b", 500) + " -c", "a- -c " + strings.Repeat("b", 500), "pressed, drained"},
		{"without a limit", CloseSlow, "<nolimit> a- b c d e f -g", "a- -g b c d e f", "pressed, drained"},

		{"one that is just at the high mark", CloseSlow, "a- <empty> -c", "a- -c ", ""},
		{"a close does not wait", CloseSlow, "a- b <close> -c d", "a- <close> -c d", "pressed, dropped 1/1"},
		{"nor does Leave", CloseSlow, "a- b <leave> -c", "a- <leave> -c", "pressed, dropped 1/1"},
		{"what waits at the end is dropped", CloseSlow, "a- b c <closed>", "a-", "pressed, dropped 2/2, closed"},
		{"nothing to tell at the end", CloseSlow, "a- b -c <closed>", "a- -c b", "pressed, drained, closed"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newSlowWireUnder(t, 1<<20, Sequence{Limit: 2 * (frameCost + 1), High: frameCost, Policy: tt.policy}.Stage())
			w.play(tt.script)
			assert.Equal(t, tt.sent, strings.Join(w.sent, " "))
			assert.Equal(t, tt.told, strings.Join(w.told, ", "))
		})
	}
}

// Kept says what waits, and whether what it waits for is open.
func TestSequenceKept(t *testing.T) {
	w := newSlowWireUnder(t, 1<<20, Sequence{}.Stage())
	for _, tt := range []struct {
		script string
		want   Kept
	}{{"a", Kept{}}, {"a-", Kept{Open: true}}, {"b", Kept{frameCost + 1, true}}, {"cc", Kept{2*frameCost + 3, true}}, {"-d", Kept{}}} {
		w.play(tt.script)
		var k Kept
		w.onDown(&k)
		assert.Equal(t, tt.want, k, tt.script)
	}
}

// A mistake of this side's program is told as that, and goes nowhere.
func TestSequenceMistakes(t *testing.T) {
	fragment := func(op frame.Opcode, fin bool, rsv byte, payload string) *frame.Frame {
		f := frame.Fragment(op, fin, []byte(payload))
		f.RSV = rsv
		return f
	}
	const compressed = "a control frame in fragments, compressed or over 125 bytes"
	for _, tt := range []struct {
		name string
		rsv  byte // claimed
		open bool
		f    *frame.Frame
		want string // "": it passes
	}{
		{"continuation", 0, false, fragment(frame.OpContinuation, true, 0, "x"), "a continuation of no message"},
		{"continuation that goes on", 0, false, fragment(frame.OpContinuation, false, 0, "x"), "a continuation of no message"},
		{"text in text", 0, true, fragment(frame.OpText, false, 0, "x"), "the beginning of a message inside another"},
		{"binary in text", 0, true, fragment(frame.OpBinary, false, 0, "x"), "the beginning of a message inside another"},
		{"opcode 3", 0, false, fragment(3, true, 0, ""), "a frame with a reserved opcode"},
		{"opcode 7, inside a message", 0, true, fragment(7, true, 0, ""), "a frame with a reserved opcode"},
		{"opcode 11", 0, false, fragment(11, true, 0, ""), "a frame with a reserved opcode"},
		{"opcode 15", 0, false, fragment(15, true, 0, ""), "a frame with a reserved opcode"},
		{"opcode beyond four bits", 0, false, fragment(0x11, true, 0, ""), "a frame with a reserved opcode"},
		{"RSV1", 0, false, fragment(frame.OpText, true, frame.RSV1, ""), "a frame with a reserved bit"},
		{"RSV2", frame.RSV1, false, fragment(frame.OpText, true, frame.RSV2, ""), "a frame with a reserved bit"},
		{"RSV3 beside one that is claimed", frame.RSV1, false, fragment(frame.OpText, true, frame.RSV1|frame.RSV3, ""), "a frame with a reserved bit"},
		{"bits that are none of RSV", frame.RSV1, false, fragment(frame.OpText, true, 0x80, ""), "a frame with a reserved bit"},
		{"RSV1 in a continuation", frame.RSV1, true, fragment(frame.OpContinuation, true, frame.RSV1, ""), "a frame with a reserved bit"},
		{"RSV1 that is claimed", frame.RSV1, false, fragment(frame.OpText, true, frame.RSV1, ""), ""},
		{"ping over 125 bytes", 0, false, fragment(frame.OpPing, true, 0, strings.Repeat("x", 126)), compressed},
		{"ping of 125 bytes", 0, false, fragment(frame.OpPing, true, 0, strings.Repeat("x", 125)), ""},
		{"pong in fragments", 0, true, fragment(frame.OpPong, false, 0, ""), compressed},
		{"close in fragments", 0, false, fragment(frame.OpClose, false, 0, ""), compressed},
		{"compressed ping", frame.RSV1, false, fragment(frame.OpPing, true, frame.RSV1, ""), compressed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newSlowWireUnder(t, 1<<20, Sequence{RSV: tt.rsv}.Stage())
			if tt.open {
				w.onDown(fragment(frame.OpText, false, 0, "open"))
			}
			before := len(w.frames)
			w.onDown(tt.f)
			if tt.want == "" {
				assert.Len(t, w.frames, before+1)
				assert.Nil(t, w.failure)
				return
			}
			assert.Len(t, w.frames, before)
			require.NotNil(t, w.failure)
			assert.Equal(t, frame.InternalError, w.failure.Code)
			assert.Equal(t, "this side sent "+tt.want, w.failure.Reason)
		})
	}
}

// Memory that was handed over comes back, whether a frame goes out or not.
func TestSequenceReleases(t *testing.T) {
	for name, script := range map[string]string{"a mistake": "-", "after a mistake": "- ?", "dropped": "( ?", "at a close": "( ? <close>", "over the limit": "( ? ? ?"} {
		t.Run(name, func(t *testing.T) {
			w := newSlowWireUnder(t, 1<<20, Sequence{Limit: 20 << 10}.Stage())
			var given []*frame.Frame
			give := func(op frame.Opcode) {
				f := frame.New(op, 8<<10)
				f.Payload = append(f.Payload, 1)
				w.onDown(f.Handover())
				given = append(given, f)
			}
			for _, word := range strings.Fields(script) {
				switch word {
				case "-":
					give(frame.OpContinuation)
				case "(":
					w.onDown(frame.Fragment(frame.OpText, false, nil))
				case "?":
					give(frame.OpBinary)
				default:
					w.play(word)
				}
			}
			w.onUp(&Closed{})
			for i, f := range given {
				assert.True(t, givenBack(f), "%d", i)
			}
		})
	}
}

// A stage above that answers what it is told, in the middle of it, breaks nothing.
func TestSequenceIsAnsweredAtOnce(t *testing.T) {
	for _, policy := range []Policy{DropNewest, DropOldest} {
		w := &slowWire{t: t, high: 1 << 20, low: 1}
		answered := 0
		answering := func(up, down Sink) (Sink, Sink) {
			return func(item any) {
				up(item)
				switch item.(type) {
				case *Dropped, *Backpressure:
					if answered++; answered < 3 {
						down(frame.Text("!"))
						down(frame.Fragment(frame.OpContinuation, true, []byte("end")))
						down(frame.Fragment(frame.OpText, false, []byte("new")))
					}
				}
			}, down
		}
		p := New(w, Stage(answering), Sequence{Limit: 2 * (frameCost + 1), High: 1, Policy: policy}.Stage())
		w.onUp, w.onDown = p.Up, p.Down
		w.play("a- b c d e f g -h i <close> j")
		require.Nil(t, w.failure)
		open := false
		for _, f := range w.frames {
			if !f.Opcode.Control() {
				assert.Equal(t, open, f.Opcode == frame.OpContinuation, "%s", strings.Join(w.sent, " "))
				open = !f.Fin
			}
			if f.Opcode == frame.OpClose {
				break
			}
		}
	}
}

// answering is a stage above that answers an item, once and at once, as a script says.
func answering(w *slowWire, to func(item any) bool, script string) Stage {
	return func(up, down Sink) (Sink, Sink) {
		return func(item any) {
			up(item)
			if to(item) {
				to = func(any) bool { return false }
				w.onDown = down
				w.play(script)
			}
		}, down
	}
}

// What waited for the end of a message goes out, and an Outbox below drops some of it: a
// message that is begun at that moment, in fragments, is not broken into by the rest.
func TestSequenceIsAnsweredWhileItSends(t *testing.T) {
	dropped := func(item any) bool { _, ok := item.(*Dropped); return ok }
	most, over := strings.Repeat("m", 110), strings.Repeat("o", 300)
	for _, tt := range []struct{ name, answer, then, sent, told string }{
		{"a message begins", "x-", "-y write write", "a- -b " + most + " x- -y d", "dropped 1/300"},
		{"a whole one goes behind", "x", "write write", "a- -b " + most + " d x", "dropped 1/300"},
		{"a close does not wait", "<close>", "", "a- -b " + most + " <close>", "dropped 1/300, dropped 1/1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := &slowWire{t: t, high: 1 << 20, low: 1}
			p := New(w, answering(w, dropped, tt.answer), Chain(Sequence{}.Stage(), Outbox{Limit: 320, High: 100, Policy: DropNewest}.Stage()))
			w.onUp, w.onDown = p.Up, p.Down
			w.play("a- " + most + " " + over + " d -b")
			w.onDown = p.Down
			w.play(tt.then)
			require.Nil(t, w.failure)
			assert.Equal(t, tt.sent, strings.Join(w.sent, " "))
			assert.Equal(t, tt.told, strings.Join(w.told, ", "))
		})
	}
}

// What several senders say to one connection reaches the peer whole, in either role,
// compressed or not, through an Outbox or not.
func TestSequenceOnTheWire(t *testing.T) {
	for _, client := range []bool{false, true} {
		for _, compressed := range []bool{false, true} {
			for _, kept := range []bool{false, true} {
				ours := terms{client: client, deflate: compressed, ping: -1}
				top, core := ours.parts()
				if kept {
					core.(*Core).Above = Outbox{Limit: 1 << 20, High: 100, Policy: DropOldest}
				}
				r := newRigOf(t, top, core)
				long := bytes.Repeat([]byte("long "), 200)
				r.down(frame.Fragment(frame.OpText, false, long))
				r.down(frame.Text("whole " + string(long)))
				r.down(frame.Ping([]byte("ping")))
				r.down(frame.Fragment(frame.OpContinuation, false, long))
				r.down(frame.Text("another"))
				r.down(frame.Fragment(frame.OpContinuation, true, long))
				theirs := newRig(t, terms{client: !client, deflate: compressed, ping: -1}.chain())
				for len(r.out) > 0 {
					out := r.out
					r.out = nil
					theirs.read(out)
					r.flow()
				}
				require.Len(t, theirs.ups, 3)
				for i, want := range []string{strings.Repeat(string(long), 3), "whole " + string(long), "another"} {
					assert.Equal(t, want, text(theirs.ups[i]))
				}
				r.down(frame.Fragment(frame.OpContinuation, true, long))
				require.NotNil(t, r.hangup)
				f, ok := r.sent(client)
				require.True(t, ok)
				code, reason := f.CloseStatus()
				assert.Equal(t, frame.InternalError, code)
				assert.Equal(t, "this side sent a continuation of no message", reason)
				assert.Empty(t, r.out)
				r.end()
				assert.Equal(t, Local, r.closed.By)
				assert.ErrorContains(t, r.closed.Err, "this side sent")
			}
		}
	}
}
