package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

type chat struct {
	From string `json:"from"`
	Text string `json:"text"`
}

// typedRig is a rig whose top is a Typed.
func typedRig(t *testing.T, o terms, typed Typed) *rig {
	alive, core := o.parts()
	return newRigOf(t, Chain(alive.Stage(), typed.Stage()), core)
}

// next is the next frame that went out, as text.
func (r *rig) next() string {
	r.t.Helper()
	f, ok := r.sent(false)
	require.True(r.t, ok, "nothing was sent")
	if f.Opcode == frame.OpClose {
		code, reason := f.CloseStatus()
		return fmt.Sprintf("close %d %s", code, reason)
	}
	return f.Opcode.String() + " " + f.String()
}

func fromClient(op frame.Opcode, fin bool, payload string) []byte {
	return frame.AppendMasked(nil, frame.Fragment(op, fin, []byte(payload)), [4]byte{1, 2, 3, 4})
}

func TestJSON(t *testing.T) {
	alive, core := terms{show: true}.parts()
	r := newRigOf(t, Chain(alive.Stage(), JSON[chat]()), core)
	hello := frame.Text("of a stage")
	r.read(fromClient(frame.OpText, true, `{"from":"ann","text":"hi"}`))
	r.read(fromClient(frame.OpPing, true, "ping"))
	r.read(fromClient(frame.OpBinary, true, `{"from":"bob"}`))
	require.Len(t, r.ups, 3)
	assert.Equal(t, &chat{"ann", "hi"}, r.ups[0])
	assert.Equal(t, frame.OpPing, r.ups[1].(*frame.Frame).Opcode)
	assert.Equal(t, &chat{From: "bob"}, r.ups[2])
	assert.Equal(t, "pong ping", r.next())

	r.down(&chat{"me", "<&>"})
	r.down(map[string]int{"a": 1})
	r.down(hello)
	r.down(frame.Ping(nil))
	r.down(&Leave{})
	sent, err := json.Marshal(&chat{"me", "<&>"})
	require.NoError(t, err)
	for _, want := range []string{"text " + string(sent), `text {"a":1}`, "text of a stage", "ping ", "close 1001 "} {
		assert.Equal(t, want, r.next())
	}
	r.read(fromClient(frame.OpClose, true, ""))
	r.end()
	assert.True(t, r.closed.Clean, "Closed is no value")
}

// What does not decode is the peer's mistake, what does not encode the handler's. Either is
// told to the handler in place of the end, if it wants that.
func TestTypedMistakes(t *testing.T) {
	refused := frame.Failure(4000, "no chat today")
	never := BinaryFormat(func([]byte) (any, error) { return nil, fmt.Errorf("format: %w", refused) }, func(any) ([]byte, error) { return nil, errors.New("never") })
	for name, test := range map[string]struct {
		format Format
		do     func(r *rig)
		want   string
	}{
		"bad JSON":      {JSONFormat[chat](), func(r *rig) { r.read(fromClient(frame.OpText, true, `{"from":`)) }, "close 1007 message does not decode"},
		"another type":  {JSONFormat[chat](), func(r *rig) { r.read(fromClient(frame.OpText, true, `{"from":1}`)) }, "close 1007 message does not decode"},
		"more behind":   {JSONFormat[chat](), func(r *rig) { r.read(fromClient(frame.OpText, true, `{} {}`)) }, "close 1007 message does not decode"},
		"empty":         {JSONFormat[chat](), func(r *rig) { r.read(fromClient(frame.OpText, true, ``)) }, "close 1007 message does not decode"},
		"the format's":  {never, func(r *rig) { r.read(fromClient(frame.OpBinary, true, "x")) }, "close 4000 no chat today"},
		"text":          {never, func(r *rig) { r.read(fromClient(frame.OpText, true, "x")) }, "close 1003 messages are binary here"},
		"no JSON value": {JSONFormat[chat](), func(r *rig) { r.down(func() {}) }, "close 1011 this side sent a value that does not encode"},
		"no message":    {never, func(r *rig) { r.down("x") }, "close 1011 this side sent a value that does not encode"},
	} {
		r := typedRig(t, terms{}, Typed{Format: test.format})
		test.do(r)
		assert.Equal(t, test.want, r.next(), name)
		assert.Empty(t, r.ups, name)

		r = typedRig(t, terms{}, Typed{Format: test.format, Report: true})
		test.do(r)
		require.Len(t, r.ups, 1, name)
		e := r.ups[0].(*FormatError)
		assert.Error(t, e, name)
		assert.True(t, (e.Message == nil) != (e.Value == nil), name)
		r.down(frame.Text("it goes on"))
		assert.Equal(t, "text it goes on", r.next(), name)
	}
}

// The peer is told no more than what it has to know; this side hears what the format has said.
func TestTypedMistakesAreExplained(t *testing.T) {
	for want, do := range map[string]func(r *rig){
		`closed by this side with 1007 "message does not decode": unexpected end of JSON input`:                         func(r *rig) { r.read(fromClient(frame.OpText, true, `{"from":`)) },
		`closed by this side with 1011 "this side sent a value that does not encode": json: unsupported type: chan int`: func(r *rig) { r.down(make(chan int)) },
	} {
		r := typedRig(t, terms{}, Typed{Format: JSONFormat[chat]()})
		do(r)
		r.next()
		r.read(fromClient(frame.OpClose, true, ""))
		r.end()
		assert.Equal(t, want, r.closed.String())
		var e *frame.Error
		require.ErrorAs(t, r.closed.Err, &e)
		assert.Error(t, e.Err)
	}
}

func TestPlain(t *testing.T) {
	r := typedRig(t, terms{}, Typed{Format: Plain()})
	r.read(fromClient(frame.OpText, true, "text"))
	r.read(fromClient(frame.OpBinary, true, "binary"))
	assert.Equal(t, []any{"text", []byte("binary")}, r.ups)
	r.down("text")
	r.down([]byte("binary"))
	assert.Equal(t, "text text", r.next())
	assert.Equal(t, "binary binary", r.next())
}

// BinaryFormat is what its two functions make of it, as binary messages.
func TestBinaryFormat(t *testing.T) {
	format := BinaryFormat(func(p []byte) (any, error) { return "value " + string(p), nil }, func(v any) ([]byte, error) {
		if s, ok := v.(string); ok {
			return []byte("encoded " + s), nil
		}
		return []byte("half"), errors.New("no string")
	})
	r := typedRig(t, terms{}, Typed{Format: format})
	r.read(fromClient(frame.OpBinary, true, "in"))
	assert.Equal(t, []any{"value in"}, r.ups)
	r.down("out")
	assert.Equal(t, "binary encoded out", r.next())
	r.down(7)
	assert.Equal(t, "close 1011 this side sent a value that does not encode", r.next())
}

// A format may leave what is not its own to others.
func TestFormatPasses(t *testing.T) {
	type command struct{}
	var seen []any
	format := BinaryFormat(func([]byte) (any, error) { return nil, nil }, func(any) ([]byte, error) { return nil, nil })
	_, core := terms{}.parts()
	below := func(up, down Sink) (Sink, Sink) {
		return up, func(item any) {
			if _, ok := item.(*command); ok {
				seen = append(seen, item)
				return
			}
			down(item)
		}
	}
	r := newRigOf(t, Chain(Typed{Format: format}.Stage(), below), core)
	r.read(fromClient(frame.OpBinary, true, "x"))
	r.down(&command{})
	assert.Equal(t, "x", r.ups[0].(*frame.Frame).String())
	assert.Equal(t, []any{&command{}}, seen)
}

// Messages in pieces are joined; a stage that joins in the middle of one passes over its rest.
func TestTypedJoinsPieces(t *testing.T) {
	r := typedRig(t, terms{stream: true}, Typed{Format: JSONFormat[chat]()})
	r.read(fromClient(frame.OpText, false, `{"from":`))
	r.read(fromClient(frame.OpContinuation, false, ``))
	r.read(fromClient(frame.OpContinuation, true, `"ann"}`))
	r.read(fromClient(frame.OpText, true, `{"from":"bob"}`))
	assert.Equal(t, []any{&chat{From: "ann"}, &chat{From: "bob"}}, r.ups)

	r = newRigOf(t, Chain(), terms{stream: true}.core())
	r.read(fromClient(frame.OpText, false, `{"from":`))
	r.pipeline.SetTop(JSON[chat]())
	r.read(fromClient(frame.OpContinuation, false, ``))
	r.read(fromClient(frame.OpContinuation, true, `"ann"}`))
	r.read(fromClient(frame.OpText, false, `{"from":`))
	r.read(fromClient(frame.OpContinuation, true, `"bob"}`))
	assert.Equal(t, []any{&chat{From: "bob"}}, r.ups[1:])
}

// weighing is a rig that weighs what is delivered.
type weighing struct {
	*rig
	weights []int
}

func (w *weighing) Deliver(item any) {
	if _, ok := item.(*Start); !ok {
		w.weights = append(w.weights, w.pipeline.Weight(item))
	}
	w.rig.Deliver(item)
}

// What a stage has made of a message costs what the message did, once; and so do its pieces,
// whoever joins them.
func TestWeightOfWhatStagesMake(t *testing.T) {
	type pair struct{ f *frame.Frame }
	twice := func(up, down Sink) (Sink, Sink) {
		return func(item any) {
			if f, ok := item.(*frame.Frame); ok && !f.Opcode.Control() {
				up(&pair{f})
				up(&pair{f})
				return
			}
			up(item)
		}, down
	}
	six := []byte(`{    }`)
	for name, test := range map[string]struct {
		top    Stage
		stream bool
		want   []int
	}{
		"frames":          {Chain(), false, []int{6, 12, 2, 6}},
		"pieces":          {Chain(), true, []int{6, 5, 7, 2, 6}},
		"values":          {JSON[chat](), false, []int{6, 12, 2, 6}},
		"values, joined":  {JSON[chat](), true, []int{6, 12, 2, 6}},
		"two of each":     {twice, false, []int{6, 0, 12, 0, 2, 6, 0}},
		"one that weighs": {func(up, down Sink) (Sink, Sink) { return func(item any) { up(heavy{item}) }, down }, false, []int{99, 99, 99, 99}},
	} {
		w := &weighing{rig: &rig{t: t, now: epoch, lastRead: epoch}}
		core := terms{stream: test.stream}.core()
		w.pipeline = New(w, test.top, core)
		w.onUp, w.onDown = w.pipeline.Up, w.pipeline.Down
		w.onUp(&Start{})
		w.weights = nil
		w.read(fromClient(frame.OpText, true, string(six)))
		w.read(fromClient(frame.OpText, false, `{    `))
		w.read(fromClient(frame.OpContinuation, true, `      }`))
		w.read(fromClient(frame.OpPong, true, "zz"))
		w.read(fromClient(frame.OpText, true, string(six)))
		assert.Equal(t, test.want, w.weights, name)
	}
}

type heavy struct{ item any }

func (heavy) Weight() int { return 99 }

// Every command that the package knows passes a Typed: none is taken for a value.
func TestTypedTakesNoCommandForAValue(t *testing.T) {
	known := map[string]any{
		"After": &After{}, "Status": &Status{}, "Hold": &Hold{}, "Settle": &Settle{}, "Throttle": &Throttle{}, "Kept": &Kept{}, "Waker": &Waker{}, "Pause": &Pause{}, "Resume": &Resume{}, "Closes": &Closes{},
		"Leave": &Leave{}, "Cut": &Cut{}, "Hangup": &Hangup{}, "Limits": &Limits{}, "Overflow": &Overflow{},
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), "down.go", nil, 0)
	require.NoError(t, err)
	ast.Inspect(parsed, func(n ast.Node) bool {
		if s, ok := n.(*ast.TypeSpec); ok {
			if _, is := s.Type.(*ast.StructType); is {
				assert.Contains(t, known, s.Name.Name, "a new item that goes down: Typed must let it pass")
			}
		}
		return true
	})
	for name, item := range known {
		var got any
		_, onDown := JSON[chat]()(func(any) {}, func(item any) { got = item })
		onDown(item)
		assert.Same(t, item, got, name)
	}
}

// Memory of large messages goes round: what decoded is given back.
func TestJSONGivesMemoryBack(t *testing.T) {
	f := frame.New(frame.OpText, 8<<10)
	f.Payload = append(f.Payload, `{"text":"`+strings.Repeat("x", 5000)+`"}`...)
	v, err := JSONFormat[chat]().Decode(f)
	require.NoError(t, err)
	assert.Len(t, v.(*chat).Text, 5000)
	assert.True(t, givenBack(f))
}
