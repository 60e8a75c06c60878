package pipeline

import (
	"crypto/rand"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// talker is a driver that answers in the middle of Emit.
type talker struct {
	pipeline *Pipeline
	answers  map[string][]string // to what comes down
	log      []string
	panicsAt string
}

func (d *talker) Deliver(item any) {
	if _, ok := item.(*Settled); !ok { // that is meant for stages
		d.log = append(d.log, fmt.Sprint("top ", item))
	}
}

func (d *talker) Outcome(*Closed) {}

func (d *talker) Emit(item any) {
	d.log = append(d.log, fmt.Sprint("wire ", item))
	for _, a := range d.answers[item.(string)] {
		d.pipeline.Up(a)
	}
	if d.panicsAt == item {
		panic("wire")
	}
}

// echo sends what comes up down as well, and says when it is done with it.
func echo(d *talker) Stage {
	return func(up, down Sink) (Sink, Sink) {
		return func(item any) {
			if s, ok := item.(string); ok {
				up(s)
				down(s + "!")
				d.log = append(d.log, "done "+s)
			}
		}, down
	}
}

func newTalker(answers map[string][]string) *talker {
	d := &talker{answers: answers}
	d.pipeline = New(d, Chain(), echo(d))
	return d
}

// What a driver answers goes up in order, when the item that is under way is through.
func TestAnswersWait(t *testing.T) {
	d := newTalker(map[string][]string{"a": {"b", "c"}, "b!": {"d"}})
	d.pipeline.Down("a")
	assert.Equal(t, []string{
		"wire a",
		"top b", "wire b!", "done b",
		"top c", "wire c!", "done c",
		"top d", "wire d!", "done d",
	}, d.log)

	d = newTalker(map[string][]string{"x!": {"y"}})
	d.pipeline.Up("x")
	assert.Equal(t, []string{"top x", "wire x!", "done x", "top y", "wire y!", "done y"}, d.log)
}

// What a new top sends at its Start is answered like anything else.
func TestAnswersToANewTop(t *testing.T) {
	d := newTalker(map[string][]string{"hello": {"a"}})
	d.pipeline.SetTop(Stage(func(up, down Sink) (Sink, Sink) {
		return func(item any) {
			if _, ok := item.(*Start); ok {
				down("hello")
				d.log = append(d.log, "started")
				return
			}
			up(item)
		}, down
	}))
	assert.Equal(t, []string{"wire hello", "started", "top a", "wire a!", "done a"}, d.log)
}

// A panic in the middle of an item does not keep what follows it from being heard,
// nor an answer that came before it.
func TestAnswersAfterAPanic(t *testing.T) {
	d := newTalker(map[string][]string{"a": {"b"}})
	d.panicsAt = "a"
	require.Panics(t, func() { d.pipeline.Down("a") })
	d.panicsAt, d.log = "", nil
	d.pipeline.Up("c")
	assert.Equal(t, []string{"top c", "wire c!", "done c", "top b", "wire b!", "done b"}, d.log)

	d = newTalker(map[string][]string{"a": {"b", "c"}})
	d.panicsAt = "b!"
	require.Panics(t, func() { d.pipeline.Down("a") })
	d.panicsAt, d.log = "", nil
	d.pipeline.Down("d")
	assert.Equal(t, []string{"wire d", "top c", "wire c!", "done c"}, d.log)
}

// To answer costs no memory once a connection has done it.
func TestAnswersAllocateNothing(t *testing.T) {
	d := &settler{}
	d.pipeline = New(d, Chain(), Chain())
	settle := &Settle{}
	assert.Zero(t, testing.AllocsPerRun(100, func() { d.pipeline.Down(settle) }))
	assert.Equal(t, 101, d.settled)
}

type settler struct {
	pipeline *Pipeline
	settled  int
}

func (d *settler) Deliver(item any) {
	if _, ok := item.(*Settled); ok {
		d.settled++
	}
}
func (d *settler) Emit(any)        { d.pipeline.Up(&Settled{}) }
func (d *settler) Outcome(*Closed) {}

// echoing is a driver that sends what it is given back at once, and writes to nowhere.
type echoing struct {
	*Pipeline
	out []byte
}

func (e *echoing) Deliver(item any) {
	if f, ok := item.(*frame.Frame); ok {
		e.Down(f)
	}
}

func (e *echoing) Emit(item any) {
	if m, ok := item.(Appender); ok {
		m.Append(e.out)
	}
}

func (e *echoing) Outcome(*Closed) {}

// BenchmarkEcho is what a message of 64 bytes and its answer cost a Pipeline.
func BenchmarkEcho(b *testing.B) {
	for _, client := range []bool{false, true} {
		b.Run(map[bool]string{false: "server", true: "client"}[client], func(b *testing.B) {
			e := &echoing{out: make([]byte, 0, 4096)}
			top, core := terms{client: client}.parts()
			e.Pipeline = New(e, top, core)
			payload := make([]byte, 64)
			rand.Read(payload)
			wire := frame.Append(nil, frame.Binary(payload))
			if !client {
				wire = frame.AppendMasked(nil, frame.Binary(payload), [4]byte{1, 2, 3, 4})
			}
			in := new(Input)
			b.ReportAllocs()
			for b.Loop() {
				in.Data = wire
				e.Up(in)
			}
		})
	}
}

// A top that is replaced lets go of what it keeps back: a Pong that waits for the wire.
func TestTopThatIsReplacedOwesNothing(t *testing.T) {
	r := newRigOf(t, &KeepAlive{AutoPong: &AutoPong{}}, terms{}.core())
	r.blocked = true
	r.hears(false, frame.Ping([]byte("hi")))
	require.Empty(t, r.out)
	r.pipeline.SetTop(&KeepAlive{AutoPong: &AutoPong{}})
	f, ok := r.sent(false)
	require.True(t, ok)
	assert.Equal(t, frame.OpPong, f.Opcode)
	assert.Equal(t, "hi", f.String())
	r.flow()
	assert.Empty(t, r.out)
}
