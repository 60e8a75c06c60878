package pipeline

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// slowWire is what lies below an Outbox, and the handler above it. It takes
// everything and writes nothing until it is told to.
type slowWire struct {
	t            *testing.T
	high, low    int
	onUp, onDown Sink
	waiting      int
	pressed      bool
	asked        bool     // a Status has said that output waits
	sent         []string // what reached it
	told         []string // what the handler was told
	frames       []*frame.Frame
	failure      *frame.Error // the latest that reached it
	dropped      Dropped      // the sum
}

func newSlowWire(t *testing.T, o Outbox) *slowWire { return newSlowWireUnder(t, o.High, o) }

func newSlowWireUnder(t *testing.T, high int, core Part) *slowWire {
	w := &slowWire{t: t, high: high, low: max(high/2, 1)}
	p := New(w, Chain(), core)
	w.onUp, w.onDown = p.Up, p.Down
	return w
}

func (w *slowWire) Outcome(*Closed) {}

func (w *slowWire) Deliver(item any) {
	switch m := item.(type) {
	case *Backpressure:
		w.told = append(w.told, "pressed")
	case *Drained:
		w.told = append(w.told, "drained")
	case *Dropped:
		w.told = append(w.told, fmt.Sprintf("dropped %d/%d", m.Messages, m.Bytes))
		w.dropped.Messages += m.Messages
		w.dropped.Bytes += m.Bytes
	case *Closed:
		w.told = append(w.told, "closed")
	}
}

func (w *slowWire) Emit(item any) {
	switch m := item.(type) {
	case *Status:
		m.Waiting = w.waiting
		w.asked = w.asked || w.waiting > 0
	case *frame.Frame:
		w.sent = append(w.sent, spell(m))
		w.frames = append(w.frames, m)
		w.waiting += len(m.Payload)
		if !w.pressed && w.waiting > w.high {
			w.pressed = true
			w.onUp(&Backpressure{w.waiting})
		}
	case *Leave:
		w.sent = append(w.sent, "<leave>")
	case *Overflow:
		w.sent = append(w.sent, "<1008>")
	case *frame.Error:
		w.sent = append(w.sent, fmt.Sprintf("<%v>", m.Code))
		w.failure = m
	}
}

// write is what the driver does when the socket takes all that waits.
func (w *slowWire) write() {
	for w.waiting > 0 {
		w.waiting = 0
		if w.asked {
			w.asked = false
			w.onUp(&Written{})
		}
		if w.high > 0 {
			break // the rest another time
		}
	}
	if w.pressed && w.waiting < w.low {
		w.pressed = false
		w.onUp(&Drained{w.waiting})
	}
}

// spell writes a frame as these tests' scripts do: a- and -b are the first and
// the last fragment of a message.
func spell(f *frame.Frame) string {
	switch {
	case f.Opcode == frame.OpClose:
		return "<close>"
	case f.Opcode.Control():
		return "<" + f.Opcode.String() + ">"
	}
	s := f.String()
	if f.Opcode == frame.OpContinuation {
		s = "-" + s
	}
	if !f.Fin {
		s += "-"
	}
	return s
}

// play does what a script's words say.
func (w *slowWire) play(script string) {
	for word := range strings.FieldsSeq(script) {
		switch word {
		case "write":
			w.write()
		case "<ping>":
			w.onDown(frame.Ping(nil))
		case "<pong>":
			w.onDown(frame.Pong(nil))
		case "<close>":
			w.onDown(frame.Close(frame.Normal, ""))
		case "<leave>":
			w.onDown(&Leave{})
		case "<settled>":
			w.onUp(&Settled{})
		case "<error>":
			w.onDown(frame.Failure(frame.InternalError, ""))
		case "<closed>":
			w.onUp(&Closed{})
		case "<status>":
			s := new(Status)
			w.onDown(s)
			w.told = append(w.told, fmt.Sprint("waiting ", s.Waiting))
		case "<pressed>":
			w.onUp(&Backpressure{})
		case "<drained>":
			w.onUp(&Drained{})
		case "<nolimit>":
			w.onDown(&Limits{Out: -1})
		case "<empty>":
			w.onDown(frame.Text(""))
		default:
			text, op := strings.CutPrefix(word, "-")
			text, more := strings.CutSuffix(text, "-")
			f := frame.Text(text)
			if f.Fin = !more; op {
				f.Opcode = frame.OpContinuation
			}
			w.onDown(f)
		}
	}
}

// Three frames of one byte may wait behind the one that the wire has.
func TestOutbox(t *testing.T) {
	const newest, oldest = DropNewest, DropOldest
	for _, tt := range []struct {
		name   string
		policy Policy
		script string
		sent   string
		told   string
	}{
		{"nothing waits, nothing is kept", newest, "a write b write c", "a b c", "pressed, drained, pressed, drained, pressed"},
		{"as many as may wait", newest, "a b c d write write write write", "a b c d", "pressed, drained"},
		{"newest", newest, "a b c d e f g write", "a b c d", "pressed, dropped 1/1, dropped 2/2, drained"},
		{"oldest", oldest, "a b c d e f g write", "a e f g", "pressed, dropped 1/1, dropped 2/2, drained"},
		{"a message that the wire can take is taken, however long", newest, "abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz", "pressed"},
		{"each time of waiting is told anew", oldest, "a b c d e write e b c d e write",
			"a c d e e c d e", "pressed, dropped 1/1, drained, pressed, dropped 1/1, drained"},
		{"one that is alone too much drops no others", oldest, "a b " + strings.Repeat("x", 135) + " c write", "a b c", "pressed, dropped 1/135, drained"},
		{"nor does it in fragments", oldest, "a b " + strings.Repeat("x", 135) + "- -y- -z c write", "a b c", "pressed, dropped 1/135, dropped 0/2, drained"},

		{"control frames pass", newest, "a b c d <ping> e <pong> write", "a <ping> <pong> b c d", "pressed, dropped 1/1, drained"},
		{"but not more than may wait", newest, "a <ping> <pong> <ping> <ping> b", "a <ping> <pong> <ping> <1008>", "pressed, dropped 1/1"},
		{"they are forgiven", newest, "a <ping> <pong> <ping> write <ping> b <ping> <ping> write", "a <ping> <pong> <ping> <ping> b <ping> <ping>",
			"pressed, drained, pressed, drained"},
		{"empty messages are bounded, too", newest, "a <empty> <empty> <empty> <empty> <closed>", "a", "pressed, dropped 1/0, dropped 3/0, closed"},

		{"Close goes behind all that waits", newest, "a b c d e <close>", "a b c d <close>", "pressed, dropped 1/1"},
		{"so does Leave", oldest, "a b c d e <leave>", "a c d e <leave>", "pressed, dropped 1/1"},
		{"and the answer to the peer's", oldest, "a b c d e <settled>", "a c d e", "pressed, dropped 1/1"},
		{"in the middle of a message", newest, "a b- -c- <close>", "a b- -c- <close>", "pressed"},
		{"nothing waits any more", newest, "a <close> b", "a <close> b", "pressed"},
		{"what follows a beginning that was dropped still goes nowhere", newest, "a b c d e- <settled> -f- -g h <closed>", "a b c d h", "pressed, dropped 1/1, dropped 0/2, closed"},
		{"an error does not wait, and takes the rest away", newest, "a b <error> c write <closed>", "a <1011>", "pressed, dropped 1/1, dropped 1/1, closed"},

		{"what waits at the end is dropped", oldest, "a b c d e f <closed>", "a", "pressed, dropped 1/1, dropped 4/4, closed"},
		{"in fragments, too", newest, "a b- -c- -d e <closed>", "a", "pressed, dropped 1/1, dropped 1/3, closed"},
		{"nothing to tell at the end", newest, "a b write <closed>", "a b", "pressed, drained, closed"},

		{"a message partly gone out is not cut: newest", newest, "a- -b- -c- -d e f write", "a- -b- -c- -d", "pressed, dropped 1/1, dropped 1/1, drained"},
		{"a message partly gone out is not cut: oldest", oldest, "a- -b- -c e f g write", "a- -b- -c g", "pressed, dropped 1/1, dropped 1/1, drained"},
		{"nor let wait without end", oldest, "a- -b- -c- -d- -e- -f g write <closed>", "a- <1008>", "pressed, dropped 1/2, dropped 1/4, closed"},
		{"other fragments that wait go all together: oldest", oldest, "a b- -c d e f write", "a d e f", "pressed, dropped 1/2, drained"},
		{"newest", newest, "a b c- -d- -e- -f g write", "a b g", "pressed, dropped 1/3, dropped 0/1, drained"},
		{"all that waits is one message", oldest, "a b- -c- -d- -e- -f g write", "a g", "pressed, dropped 1/4, dropped 0/1, drained"},
		{"what is dropped ends with the next message", newest, "a b c d e- -f- write g", "a b c d g", "pressed, dropped 1/1, dropped 0/1, drained, pressed"},
		{"fragments wait like others", newest, "a- write -b -write-", "a- -b", "pressed, drained, pressed"},

		{"without a limit", newest, "<nolimit> a b c d e f g write", "a b c d e f g", "pressed, drained"},
		{"nor one of control frames", newest, "<nolimit> a <ping> <ping> <ping> <ping> <ping> b write", "a <ping> <ping> <ping> <ping> <ping> b", "pressed, drained"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newSlowWire(t, Outbox{Limit: 1 + 3*(frameCost+1), Policy: tt.policy})
			w.play(tt.script)
			assert.Equal(t, tt.sent, strings.Join(w.sent, " "))
			assert.Equal(t, tt.told, strings.Join(w.told, ", "))
		})
	}
}

// Up to the high mark the wire has what is to go out, and the rest is kept back.
func TestOutboxHighMark(t *testing.T) {
	w := newSlowWire(t, Outbox{Limit: 10 * (frameCost + 4), High: 10, Policy: DropOldest})
	w.play("aaaa bbbb cccc dddd eeee ffff")
	assert.Equal(t, "aaaa bbbb cccc", strings.Join(w.sent, " "))
	w.play("write")
	assert.Equal(t, "aaaa bbbb cccc dddd eeee ffff", strings.Join(w.sent, " "))
	assert.Equal(t, []string{"pressed"}, w.told, "the wire is full again")
	w.play("write")
	assert.Equal(t, []string{"pressed", "drained"}, w.told)
}

// Without a limit there is a high mark all the same.
func TestOutboxHighMarkAlone(t *testing.T) {
	w := newSlowWire(t, Outbox{High: 10, Policy: DropOldest})
	w.play("aaaa bbbb cccc dddd")
	assert.Equal(t, "aaaa bbbb cccc", strings.Join(w.sent, " "))
}

// What is as long as the limit is not over it: control frames in all, and a message for which
// others are dropped.
func TestOutboxLimitIsWithin(t *testing.T) {
	w := newSlowWire(t, Outbox{Limit: 3 * frameCost, Policy: DropNewest})
	w.play("a <ping> <ping> <ping>")
	assert.Equal(t, "a <ping> <ping> <ping>", strings.Join(w.sent, " "))
	w.play("<ping>")
	assert.Equal(t, "a <ping> <ping> <ping> <1008>", strings.Join(w.sent, " "))

	w = newSlowWire(t, Outbox{Limit: 3 * frameCost, Policy: DropOldest})
	w.play("a b")
	w.waiting = 0 // written, and not said yet
	long := strings.Repeat("x", 2*frameCost)
	w.play(long + " write")
	assert.Equal(t, "a "+long, strings.Join(w.sent, " "))
	assert.Equal(t, Dropped{1, 1}, w.dropped)
}

// The handler hears Drained when nothing is kept back any more: what the wire says if it says so
// then, else with what the wire has said before.
func TestOutboxDrains(t *testing.T) {
	for _, tt := range []struct {
		then    []any
		waiting int
		drained any
	}{
		{[]any{&Drained{7}}, 7, &Drained{7}},
		{[]any{&Drained{20}, &Written{}}, 7, &Drained{}},
	} {
		var up []any
		waiting := 0
		onUp, onDown := Outbox{High: 8}.Stage()(func(item any) { up = append(up, item) }, func(item any) {
			if s, ok := item.(*Status); ok {
				s.Waiting = waiting
			}
		})
		onUp(&Backpressure{20})
		waiting = 20
		onDown(frame.Text("kept"))
		for i, item := range tt.then {
			if i == len(tt.then)-1 {
				waiting = tt.waiting
			}
			onUp(item)
		}
		assert.Equal(t, []any{&Backpressure{20}}, up[:1])
		assert.Equal(t, tt.drained, up[len(up)-1])
	}
}

// The limit is of all that waits: a high mark beyond it does not let the wire have
// more, and what the wire has leaves less space for what is kept back.
func TestOutboxLimitIsOfBoth(t *testing.T) {
	w := newSlowWire(t, Outbox{Limit: 4 * (frameCost + 4), High: 1 << 20, Policy: DropOldest})
	w.play(strings.Repeat("aaaa ", 1000))
	assert.Len(t, w.sent, 4*(frameCost+4)/2/4+1)
	w.write()
	assert.Equal(t, Dropped{1000 - len(w.sent), 4 * (1000 - len(w.sent))}, w.dropped)
	assert.Len(t, w.sent, 4*(frameCost+4)/2/4+1+1)
}

// The marks of a living connection can be changed; what waits goes out all the same.
func TestOutboxIsNotStuck(t *testing.T) {
	for _, tt := range []struct{ outbox, wire int }{{0, 0}, {0, 100}, {8, 100}, {100, 8}, {8, 8}, {8, 4}} {
		t.Run(fmt.Sprint(tt), func(t *testing.T) {
			w := newSlowWire(t, Outbox{Limit: 1 << 20, High: tt.outbox, Policy: DropOldest})
			w.high = tt.wire
			w.play(strings.Repeat("aaaa ", 50))
			for range 50 {
				w.write()
			}
			assert.Len(t, w.sent, 50)
			assert.NotContains(t, strings.Join(w.told, ", "), "dropped")
		})
	}
}

// A handed-over frame's memory goes back when the frame is dropped, and no other's.
func TestOutboxReleases(t *testing.T) {
	const size = 8 << 10
	for _, policy := range []Policy{DropNewest, DropOldest} {
		w := newSlowWire(t, Outbox{Limit: size + 2*(frameCost+size), Policy: policy})
		var all []*frame.Frame
		for i := range 8 {
			f := frame.New(frame.OpBinary, size)
			f.Payload = append(f.Payload, bytes.Repeat([]byte{byte(i)}, size)...)
			if all = append(all, f); i%2 == 0 {
				f.Handover()
			}
			w.onDown(f)
		}
		w.write()
		require.Len(t, w.frames, 3)
		for _, f := range w.frames {
			assert.Equal(t, bytes.Repeat(f.Payload[:1], size), f.Payload)
			assert.False(t, givenBack(f), "%d", f.Payload[0])
			f.Sent()
		}
		w.onUp(&Closed{})
		for i, f := range all {
			if i%2 == 0 {
				assert.True(t, givenBack(f), "%d was dropped or sent", i)
			} else {
				assert.Equal(t, bytes.Repeat([]byte{byte(i)}, size), f.Payload, "%d", i)
			}
		}
		assert.Equal(t, Dropped{5, 5 * size}, w.dropped)
	}
}

// A stage above that answers what it is told, in the middle of it.
func TestOutboxIsAnsweredAtOnce(t *testing.T) {
	w := &slowWire{t: t, low: 1}
	answered := 0
	answering := func(up, down Sink) (Sink, Sink) {
		return func(item any) {
			up(item)
			if _, ok := item.(*Dropped); ok && answered < 3 {
				answered++
				down(frame.Text("!"))
			}
		}, down
	}
	p := New(w, Stage(answering), Outbox{Limit: 3 * (frameCost + 1), Policy: DropOldest}.Stage())
	w.onUp, w.onDown = p.Up, p.Down
	w.play("a b c d e f write write")
	w.play("<closed>")
	assert.Equal(t, "a", w.sent[0])
	assert.Equal(t, 6+answered, len(w.sent)+w.dropped.Messages)
}

// Whatever comes in whatever order: what goes out is in order and well formed,
// what waits keeps to the limit, and what does not go out is counted.
func TestOutboxCounts(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		o := Outbox{Limit: 200 + random.IntN(2000), High: random.IntN(3) * 50, Policy: DropNewest + Policy(random.IntN(2))}
		w := newSlowWire(t, o)
		b := &outbox{Outbox: o}
		p := New(w, Chain(), Stage(func(up, down Sink) (Sink, Sink) { return asStage(up, down, b) }))
		w.onUp, w.onDown = p.Up, p.Down
		messages, size, open := 0, 0, false
		for n := range 200 {
			if random.IntN(4) == 0 {
				w.write()
			}
			payload := bytes.Repeat([]byte{byte(n)}, random.IntN(60))
			op := frame.OpContinuation
			if !open {
				op = frame.OpBinary
				messages++
			}
			open = random.IntN(3) == 0
			size += len(payload)
			w.onDown(frame.Fragment(op, !open, payload))
			require.True(t, b.state == failed || len(b.queue) == 0 || b.size+w.waiting <= o.Limit, "seed %d: %d wait, %d of them on the wire", seed, b.size+w.waiting, w.waiting)
		}
		failed := b.state == failed
		w.onUp(&Closed{})
		inside, whole, last := false, 0, -1
		for _, f := range w.frames {
			require.Equal(t, inside, f.Opcode == frame.OpContinuation, "seed %d: a message was cut", seed)
			if inside = !f.Fin; f.Fin {
				whole++
			}
			if len(f.Payload) > 0 {
				require.Greater(t, int(f.Payload[0]), last, "seed %d: out of order", seed)
				last = int(f.Payload[0])
			}
			size -= len(f.Payload)
		}
		assert.Equal(t, size, w.dropped.Bytes, "seed %d", seed)
		if open && !failed { // the last message is nobody's loss unless some of it was dropped
			messages -= min(1, messages-whole-w.dropped.Messages)
		}
		assert.Equal(t, messages, whole+w.dropped.Messages, "seed %d", seed)
	}
}

// What the handler answered before the peer's Close goes out before ours, also if
// it has to wait.
func TestOutboxBeforeTheClose(t *testing.T) {
	for name, ending := range map[string][]byte{
		"close":     frame.AppendMasked(nil, frame.Close(frame.Normal, ""), [4]byte{}),
		"violation": {0x83, 0x80, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Chain(Outbox{Limit: 1 << 10, Policy: DropOldest}.Stage(), terms{}.chain()))
			r.holding = true
			r.read(frame.AppendMasked(nil, frame.Text("?"), [4]byte{}))
			r.read(ending)
			for _, s := range []string{"one", "two", "three"} {
				r.down(frame.Text(s))
			}
			first, ok := r.sent(false)
			require.True(t, ok)
			assert.Equal(t, "one", first.String())
			assert.Empty(t, r.out)
			r.settle()
			for _, want := range []string{"two", "three"} {
				f, ok := r.sent(false)
				require.True(t, ok)
				assert.Equal(t, want, f.String())
			}
			f, ok := r.sent(false)
			require.True(t, ok)
			assert.Equal(t, frame.OpClose, f.Opcode)
			require.NotNil(t, r.end())
		})
	}
}

// What the handler still answers when a stage has found a mistake of the peer's goes out before
// the Close that answers that, as it does without an Outbox.
func TestOutboxAfterAMistakeOfThePeers(t *testing.T) {
	picky := Stage(func(up, down Sink) (Sink, Sink) {
		return func(item any) {
			if f, is := item.(*frame.Frame); is && f.String() == "bad" {
				down(frame.Failure(frame.InvalidPayload, "bad"))
				return
			}
			up(item)
		}, down
	})
	for name, above := range map[string]Part{"without": nil, "with": Outbox{Limit: 1000, High: 500, Policy: DropOldest}} {
		t.Run(name, func(t *testing.T) {
			w := new(wire)
			p := New(w, &KeepAlive{}, &Core{Messages: picky, Above: above})
			p.Up(&Start{})
			p.Up(&Input{Data: frame.AppendMasked(frame.AppendMasked(nil, frame.Text("good"), [4]byte{}), frame.Text("bad"), [4]byte{})})
			p.Down(frame.Text("an answer to what was good"))
			p.Up(&Settled{})
			assert.Equal(t, frame.Append(frame.Append(nil, frame.Text("an answer to what was good")), frame.Close(frame.InvalidPayload, "bad")), w.out)
			assert.Empty(t, w.told)
		})
	}
}
