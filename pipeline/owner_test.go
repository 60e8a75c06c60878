package pipeline

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// large is a frame whose memory is used again.
func large(op frame.Opcode, text string) *frame.Frame {
	f := frame.New(op, max(len(text), 8<<10))
	f.Payload = append(f.Payload, text...)
	return f
}

// givenBack reports whether the memory of a large frame is no longer its own.
func givenBack(f *frame.Frame) bool {
	if frame.Debug { // overwritten
		return f.Payload[0] == 0xDB
	}
	return f.Payload == nil
}

// A frame that was handed over is given up once, wherever its way ends. (A debug build
// panics at the second time, and at the end of a pipeline that has lost one.)
func TestFramesAreGivenUp(t *testing.T) {
	text, final := frame.OpText, frame.OpContinuation
	long := strings.Repeat("spray ", 1000)
	for _, tt := range []struct {
		name    string
		deflate *Deflate
		before  []any // goes down first
		frames  []*frame.Frame
	}{
		{name: "sent", frames: []*frame.Frame{large(text, long)}},
		{name: "compressed", deflate: &Deflate{}, frames: []*frame.Frame{large(text, long)}},
		{name: "does not shrink", deflate: &Deflate{Compression: Compression{Threshold: 1}}, frames: []*frame.Frame{large(text, "x")}},
		{name: "any price", deflate: &Deflate{Compression: Compression{Threshold: -1}}, frames: []*frame.Frame{large(text, "x")}},
		{name: "short", deflate: &Deflate{}, frames: []*frame.Frame{large(text, "x")}},
		{name: "shared", deflate: &Deflate{Shared: new(Shared)}, frames: []*frame.Frame{large(text, long)}},
		{name: "takeover", deflate: &Deflate{Compression: Compression{ContextTakeover: true}}, frames: []*frame.Frame{large(text, long)}},
		{name: "fragments", deflate: &Deflate{}, frames: []*frame.Frame{part(large(text, long)), large(final, long)}},
		{name: "fragments, plain", frames: []*frame.Frame{part(large(text, long)), large(final, long)}},
		{name: "after a Close", before: []any{frame.Close(frame.Normal, "")}, frames: []*frame.Frame{large(text, long), part(large(text, long))}},
		{name: "a Ping that is too long", frames: []*frame.Frame{asPing(large(text, long))}},
		{name: "a Close that may not be", frames: []*frame.Frame{asClose(large(text, "x"))}},
	} {
		for _, client := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				core := &Core{Closing: Closing{Client: client}, Codec: Codec{Client: client, RSV: frame.RSV1}}
				if core.Deflate = tt.deflate; core.Deflate != nil {
					core.Deflate.Client = client
				}
				r := newRigOf(t, &KeepAlive{}, core)
				for _, item := range tt.before {
					r.down(item)
				}
				for _, f := range tt.frames {
					g := frame.New(frame.OpBinary, 8<<10)
					g.Opcode, g.Fin, g.Payload = f.Opcode, f.Fin, append(g.Payload, f.Payload...)
					r.down(g.Handover())
					assert.True(t, givenBack(g))
				}
				r.end()
			})
		}
	}
}

func part(f *frame.Frame) *frame.Frame {
	f.Fin = false
	return f
}

func asPing(f *frame.Frame) *frame.Frame {
	f.Opcode = frame.OpPing
	f.Payload = f.Payload[:126]
	return f
}

func asClose(f *frame.Frame) *frame.Frame {
	f.Opcode = frame.OpClose
	return f
}

// Who sends what it has given back is told so by the end of its own connection: the
// payload may be somebody else's.
func TestSentAfterRelease(t *testing.T) {
	if frame.Debug {
		t.Skip("a debug build panics")
	}
	for name, misuse := range map[string]func(f *frame.Frame, r *rig){
		"released":             func(f *frame.Frame, r *rig) { f.Release() },
		"handed to another":    func(f *frame.Frame, r *rig) { newRigOf(t, &KeepAlive{}, &Core{}).down(f.Handover()) },
		"sent, released, sent": func(f *frame.Frame, r *rig) { r.down(f); r.out = nil; f.Release() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRigOf(t, &KeepAlive{}, &Core{})
			f := large(frame.OpText, "hello")
			misuse(f, r)
			r.down(f)
			got, ok := r.sent(false)
			require.True(t, ok)
			require.Equal(t, frame.OpClose, got.Opcode)
			code, reason := got.CloseStatus()
			assert.Equal(t, frame.InternalError, code)
			assert.Contains(t, reason, "given back")
			r.end()
			assert.Equal(t, Local, r.closed.By)
		})
	}
}

// What a stage keeps of a frame that goes down is its own.
func TestPingIsRememberedByItsBytes(t *testing.T) {
	r := newRig(t, Chain(AutoPing{}.Stage(), Codec{}.Stage()))
	f := frame.Ping([]byte("ping"))
	r.down(f)
	copy(f.Payload, "PONG") // its memory was used again
	r.up(frame.Pong([]byte("ping")))
	require.Len(t, r.ups, 1)
	assert.Equal(t, "ping", string(r.ups[0].(*RoundTripTime).Payload))
}

// The Pong has bytes of its own: the Ping that the handler is shown is the handler's.
func TestPongIsNotThePing(t *testing.T) {
	r := newRig(t, Chain(AutoPong{Show: true}.Stage(), Codec{}.Stage()))
	r.blocked = true
	ping := frame.Ping([]byte("ping"))
	r.up(ping)
	copy(ping.Payload, "GONE")
	r.blocked = false
	r.up(&Written{})
	pong, ok := r.sent(false)
	require.True(t, ok)
	assert.Equal(t, "ping", pong.String())
}

// What was compressed last is remembered by its frame. A handler that answers with one
// message after the other, and releases each when it has gone out, must not have the one
// taken for another that lies where it did.
func TestSharedKnowsFrames(t *testing.T) {
	messages := 500
	if testing.Short() {
		messages = 100
	}
	for _, size := range []int{8, 64, 8 << 10} {
		shared := new(Shared)
		core := &Core{Deflate: &Deflate{Compression: Compression{Threshold: -1}, Shared: shared}, Codec: Codec{RSV: frame.RSV1}}
		a, b := newRigOf(t, &KeepAlive{}, core), newRigOf(t, &KeepAlive{}, core)
		for i := range messages {
			f := frame.New(frame.OpBinary, size)
			f.Payload = append(f.Payload, prose(int64(i), size)...)
			for _, r := range []*rig{a, b} {
				for range 1 + i%2 {
					r.down(f)
					got, ok := r.sent(false)
					require.True(t, ok)
					inflated, err := (&slowInflate{size: 1 << 15}).message(got.Payload)
					require.NoError(t, err)
					require.True(t, bytes.Equal(prose(int64(i), size), inflated), "message %d is another", i)
				}
			}
			f.Release()
		}
	}
}
