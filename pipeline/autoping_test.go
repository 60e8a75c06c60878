package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// What a script cannot say of AutoPing stands here; the rest is in
// testdata/wire/keepalive.txt.
func TestAutoPingPayload(t *testing.T) {
	n := 0
	r := newRig(t, terms{pingPayload: func() []byte { n++; return fmt.Appendf(nil, "beat %d", n) }}.chain())
	for i := range 3 {
		r.wait(30 * time.Second)
		f, ok := r.sent(false)
		require.True(t, ok)
		assert.Equal(t, frame.OpPing, f.Opcode)
		assert.Equal(t, fmt.Sprintf("beat %d", i+1), f.String())
		r.wait(time.Second)
		r.read(frame.AppendMasked(nil, frame.Pong(f.Payload), [4]byte{1, 2, 3, 4}))
		require.Len(t, r.ups, i+1)
		assert.Equal(t, &RoundTripTime{Duration: time.Second, Payload: f.Payload}, r.ups[i])
	}
}

// A stage that joins a living connection begins with its own Start.
func TestAutoPingJoinsLate(t *testing.T) {
	r := newRig(t, Chain()) // the clock and the wire of a pipeline that has run for a while
	r.now = r.now.Add(time.Hour)
	var onUp Sink
	onUp, _ = AutoPing{Interval: 30 * time.Second}.Stage()(r.top, r.bottomOf(frame.OpPing))
	r.onUp = onUp
	r.up(&Start{})
	assert.Empty(t, r.out)
	r.wait(30 * time.Second)
	assert.NotEmpty(t, r.out)
}

// bottomOf is a bottom that takes frames of one kind as they are.
func (r *rig) bottomOf(op frame.Opcode) Sink {
	return func(item any) {
		if f, ok := item.(*frame.Frame); ok {
			require.Equal(r.t, op, f.Opcode)
			r.out = frame.Append(r.out, f)
			return
		}
		r.bottom(item)
	}
}
