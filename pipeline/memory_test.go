//go:build !spindriftdebug

package pipeline

import (
	"bytes"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lender is memory that counts how often it was freed.
type lender struct{ freed int }

func (l *lender) Free() { l.freed++ }

// A message takes the memory that it alone lies in, and gives it back once, with its last owner. Whatever is
// anything else is copied, and leaves the memory to who has read it.
func TestMessageTakesItsMemory(t *testing.T) {
	payload := bytes.Repeat([]byte("spindrift"), 1000)
	whole := func(f *frame.Frame) []byte { return frame.AppendMasked(nil, f, [4]byte{1, 2, 3, 4}) }
	message := whole(frame.Binary(payload))
	for _, tt := range []struct {
		name  string
		below []Stage // Assemble
		input []byte
		taken bool
	}{
		{"a message", nil, message, true},
		{"text", nil, whole(frame.Text(string(payload))), true},
		{"with another behind it", nil, append(bytes.Clone(message), whole(frame.Text("next"))...), false},
		{"behind another", nil, append(whole(frame.Text("before")), message...), false},
		{"the beginning of one", nil, message[:len(message)-1], false},
		{"a fragment", nil, whole(frame.Fragment(frame.OpText, false, payload)), false},
		{"a mistake", nil, whole(frame.Text("\xff" + string(payload))), false},
		{"seen by a stage", []Stage{Tap(func(any) {}, nil)}, message, true},
		{"kept back by a stage", []Stage{func(up, down Sink) (Sink, Sink) { return func(any) {}, down }}, message, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRigOf(t, Chain(), &Core{Inner: tt.below})
			m := new(lender)
			data := bytes.Clone(tt.input)
			in := &Input{Data: data, Memory: m}
			r.pipeline.Up(in)
			assert.Equal(t, tt.taken, in.Memory == nil)
			assert.Zero(t, m.freed)
			if in.Memory != nil {
				clear(data) // who has read it reads on
			}
			for _, item := range r.ups {
				f, ok := item.(*frame.Frame)
				if !ok || f.Opcode.Control() || len(f.Payload) < 1000 {
					continue
				}
				require.True(t, bytes.Equal(payload, f.Payload))
				assert.LessOrEqual(t, cap(f.Payload)-len(f.Payload), len(payload)/4, "it shows nothing behind it")
				f.Release()
				f.Release()
			}
			assert.Equal(t, tt.taken, m.freed == 1, "%d times", m.freed)
		})
	}
}

// A stage that panics may have passed the message on: then its memory is not the reader's any more.
func TestMessageTakesItsMemoryAndAStagePanics(t *testing.T) {
	var kept *frame.Frame
	thief := Tap(func(item any) {
		if f, ok := item.(*frame.Frame); ok {
			kept = f
			panic("stage")
		}
	}, nil)
	r := newRigOf(t, thief, &Core{})
	in := &Input{Data: frame.AppendMasked(nil, frame.Text("hello"), [4]byte{}), Memory: new(lender)}
	assert.PanicsWithValue(t, "stage", func() { r.pipeline.Up(in) })
	assert.Nil(t, in.Memory)
	assert.Equal(t, "hello", kept.String())
}
