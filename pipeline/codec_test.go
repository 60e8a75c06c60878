package pipeline

import (
	"crypto/rand"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

func text(item any) string {
	if f, ok := item.(*frame.Frame); ok {
		return f.String()
	}
	return ""
}

// Whoever sets Pause while the pipeline runs gets back what was not decoded.
func TestCodecPause(t *testing.T) {
	var in *Input
	var got []string
	onUp, _ := Codec{Client: true}.Stage()(func(item any) {
		got = append(got, text(item))
		in.Pause = len(got) == 2
	}, func(any) {})
	in = &Input{Data: []byte("\x81\x01a\x81\x01b\x81\x01c\x81")}
	onUp(in)
	assert.Equal(t, []string{"a", "b"}, got)
	assert.Equal(t, "\x81\x01c\x81", string(in.Data))

	onUp(in)
	assert.Equal(t, []string{"a", "b"}, got, "still paused")
	assert.Equal(t, "\x81\x01c\x81", string(in.Data))

	in.Pause = false
	onUp(in)
	assert.Equal(t, []string{"a", "b", "c"}, got)
	assert.Empty(t, in.Data)
	in = &Input{Data: []byte("\x01d")}
	onUp(in)
	assert.Equal(t, []string{"a", "b", "c", "d"}, got)
}

// RFC 6455 10.3: every frame has a key of its own, that nobody can foresee.
func TestCodecKeysAreFresh(t *testing.T) {
	r := newRig(t, Codec{Client: true}.Stage())
	r.ups = nil
	seen := map[string]bool{}
	for range 100 {
		r.down(frame.Text("hello"))
		f, n, err := parse(r.out, true)
		require.NoError(t, err)
		assert.Equal(t, "hello", f.String())
		seen[string(r.out[2:6])] = true
		r.out = r.out[n:]
	}
	assert.Len(t, seen, 100)
}

func TestCodecMaskGen(t *testing.T) {
	key := byte(0)
	r := newRig(t, Codec{Client: true, MaskGen: func() [4]byte { key++; return [4]byte{key} }}.Stage())
	r.down(frame.Ping(nil))
	r.down(frame.Ping(nil))
	assert.Equal(t, "\x89\x80\x01\x00\x00\x00\x89\x80\x02\x00\x00\x00", string(r.out))
}

// One frame may be sent to any number of connections of either role.
func TestCodecLeavesFramesAlone(t *testing.T) {
	f := frame.Text("hello")
	want := f.Header
	for _, client := range []bool{false, true} {
		r := newRig(t, terms{client: client}.chain())
		r.down(f)
		got, ok := r.sent(client)
		require.True(t, ok)
		assert.Equal(t, "hello", got.String())
	}
	assert.Equal(t, want, f.Header)
	assert.Equal(t, "hello", f.String())
}

// Control frames are let past a full out buffer.
func TestCodecUrgent(t *testing.T) {
	var urgent []bool
	_, onDown := Codec{}.Stage()(nil, func(item any) { urgent = append(urgent, item.(Appender).Urgent()) })
	for _, f := range []*frame.Frame{frame.Text("a"), frame.Ping(nil), frame.Fragment(frame.OpContinuation, true, nil), frame.Pong(nil), frame.Close(frame.Normal, "")} {
		onDown(f)
	}
	assert.Equal(t, []bool{false, true, false, true, true}, urgent)
}

// A frame that was handed over is released when it was written, and no other.
func TestCodecReleases(t *testing.T) {
	for _, client := range []bool{false, true} {
		_, onDown := Codec{Client: client}.Stage()(nil, func(item any) {
			assert.Greater(t, len(item.(Appender).Append(nil)), 2, "not before")
		})
		kept, given := frame.New(frame.OpBinary, 8<<10), frame.New(frame.OpBinary, 8<<10)
		kept.Payload, given.Payload = append(kept.Payload, 1), append(given.Payload, 2)
		onDown(kept)
		onDown(given.Handover())
		assert.Equal(t, []byte{1}, kept.Payload)
		assert.True(t, givenBack(given))
	}
}

// A driver that writes a payload from where it lies writes the same bytes.
func TestCodecSplit(t *testing.T) {
	for _, f := range []*frame.Frame{
		frame.Text("hello"), frame.Binary(make([]byte, 70000)), frame.Close(frame.Normal, ""), frame.Fragment(frame.OpContinuation, false, []byte("x")),
		{Header: frame.Header{Fin: true, Opcode: frame.OpText, Masked: true, Key: [4]byte{1}, Length: 9}, Payload: []byte("as received")},
	} {
		_, onDown := Codec{}.Stage()(nil, func(item any) {
			head, body := item.(Splitter).Split([]byte("before"))
			assert.Equal(t, string(item.(Appender).Append([]byte("before"))), string(head)+string(body))
			assert.Equal(t, len(f.Payload), len(body))
		})
		onDown(f)
		_, onDown = Codec{Client: true}.Stage()(nil, func(item any) {
			head, body := item.(Splitter).Split([]byte("before"))
			assert.Equal(t, "before", string(head))
			assert.Nil(t, body, "a mask must not touch the payload")
		})
		onDown(f)
	}
}

// allocated is the bytes that were ever allocated. Unlike runtime/metrics, which hears of
// small objects a span at a time and thus of those before as well, it is exact.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// What a header announces takes no memory before it arrives: RFC 6455 10.4.
func TestMemoryFollowsWhatArrived(t *testing.T) {
	for _, stream := range []bool{false, true} {
		r := newRig(t, terms{client: true, frame: -1, message: -1, time: -1, stream: stream}.chain())
		before := allocated()
		r.read([]byte("\x82\x7f\x00\x00\x01\x00\x00\x00\x00\x00"))
		for range 100 {
			r.read(make([]byte, 100))
		}
		assert.Less(t, allocated()-before, uint64(256<<10), "10 kB of 2^40 have come")
		assert.Nil(t, r.hangup)
	}
}

// An idle or a passing connection costs its frames and nothing else.
func TestPipelineAllocates(t *testing.T) {
	up, out := 0, make([]byte, 0, 1024)
	onUp, onDown := terms{}.chain()(func(any) { up++ }, func(item any) {
		if m, ok := item.(Appender); ok {
			m.Append(out)
		}
	})
	wire := frame.AppendMasked(nil, frame.Text("hello"), [4]byte{})
	in := new(Input)
	echo := frame.Text("hello")
	assert.Equal(t, 1.0, testing.AllocsPerRun(100, func() {
		in.Data = wire
		onUp(in)
	}), "a message up is one allocation")
	assert.NotZero(t, up)
	assert.Zero(t, testing.AllocsPerRun(100, func() { onDown(echo) }), "a message down is none")
}

func BenchmarkPipeline(b *testing.B) {
	for _, client := range []bool{false, true} {
		b.Run(map[bool]string{false: "server", true: "client"}[client], func(b *testing.B) {
			out := make([]byte, 0, 4096)
			var echo Sink
			onUp, onDown := terms{client: client}.chain()(func(item any) { echo(item) }, func(item any) {
				if m, ok := item.(Appender); ok {
					m.Append(out)
				}
			})
			echo = onDown
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
				onUp(in)
			}
		})
	}
}

// Space for a payload is asked for inside one only, as much as is to come.
func TestCodecAsksForSpace(t *testing.T) {
	var asked []int
	up, _ := Codec{Client: true}.Stage()(func(item any) {
		if m, ok := item.(*Space); ok {
			asked = append(asked, m.Max)
		}
	}, func(any) {})
	up(&Space{})
	assert.Empty(t, asked)
	whole := frame.Append(nil, frame.Binary(make([]byte, 1000)))
	up(&Input{Data: whole[:len(whole)-300]})
	up(&Space{})
	up(&Input{Data: whole[len(whole)-300:]})
	up(&Space{})
	assert.Equal(t, []int{300}, asked)
}
