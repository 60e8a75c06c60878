package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// deflateRig is one Deflate and what left it; payloads are copied, as they are
// borrowed.
type deflateRig struct {
	up, down     []any
	onUp, onDown Sink
}

func newDeflateRig(o Deflate) *deflateRig {
	r := new(deflateRig)
	record := func(items *[]any) Sink {
		return func(item any) {
			if _, ok := item.(*Hold); ok {
				return
			}
			if f, ok := item.(*frame.Frame); ok {
				item = &frame.Frame{Header: f.Header, Payload: bytes.Clone(f.Payload)}
			}
			*items = append(*items, item)
		}
	}
	r.onUp, r.onDown = o.Stage()(record(&r.up), record(&r.down))
	return r
}

// sent is the frames that went down for f, and the whole payload of them.
func (r *deflateRig) sent(frames ...*frame.Frame) (out []*frame.Frame, payload []byte) {
	r.down = nil
	for _, f := range frames {
		r.onDown(f)
	}
	for _, item := range r.down {
		f := item.(*frame.Frame)
		out = append(out, f)
		payload = append(payload, f.Payload...)
	}
	return out, payload
}

// got is the message that the pieces which came up so far make.
func (r *deflateRig) got(t testing.TB) *frame.Frame {
	require.NotEmpty(t, r.up)
	message := frame.Frame{Header: r.up[0].(*frame.Frame).Header}
	for i, item := range r.up {
		f, ok := item.(*frame.Frame)
		if !ok || f.RSV != 0 || (i > 0) != (f.Opcode == frame.OpContinuation) || (i == len(r.up)-1) != f.Fin { // of thousands
			t.Fatalf("piece %d of %d is %T %v", i, len(r.up), item, item)
		}
		message.Payload = append(message.Payload, f.Payload...)
	}
	message.Fin = true
	r.up = nil
	return &message
}

// fragments cuts a message into n frames.
func fragments(op frame.Opcode, p []byte, n int) (out []*frame.Frame) {
	for i := range n {
		at, end := len(p)*i/n, len(p)*(i+1)/n
		out = append(out, frame.Fragment(op, i == n-1, p[at:end]))
		op = frame.OpContinuation
	}
	return out
}

// pieces cuts one frame as the network might.
func pieces(f *frame.Frame, size int) (out []*frame.Frame) {
	head, p := f.Header, f.Payload
	for {
		n := min(size, len(p))
		h := head
		h.Fin = head.Fin && n == len(p)
		out = append(out, &frame.Frame{Header: h, Payload: p[:n]})
		if p = p[n:]; len(p) == 0 {
			return out
		}
		head.Opcode, head.RSV = frame.OpContinuation, 0
	}
}

// prose is text that repeats itself now and then, near and far.
func prose(seed int64, size int) []byte {
	r := rand.New(rand.NewSource(seed))
	var b []byte
	for len(b) < size {
		if len(b) > 100 && r.Intn(8) == 0 {
			at := r.Intn(len(b) - 50)
			b = append(b, b[at:at+50]...)
		}
		b = fmt.Appendf(b, `{"id":%d,"price":%.4f,"side":"buy","venue":"XNAS"},`, r.Intn(1e6), r.Float64()*1000)
	}
	return b[:size]
}

func noise(seed int64, size int) []byte {
	p := make([]byte, size)
	rand.New(rand.NewSource(seed)).Read(p)
	return p
}

// echoes repeats noise at a distance about the size of the window: a compressor
// that does not keep to it will be tempted.
func echoes(seed int64, size, distance int) []byte {
	p := noise(seed, size)
	for at := distance; at+64 <= size; at += 97 {
		copy(p[at:at+64], p[at-distance:])
	}
	return p
}

// RFC 7692 7.2.1: what one side sends, the other side gets; and what is on the
// wire inflates with a window of just the size that was agreed on.
func TestDeflateRoundTrip(t *testing.T) {
	sizes := []int{0, 1, 127, 511, 512, 64 << 10}
	for _, client := range []bool{false, true} {
		for bits := minBits; bits <= maxBits; bits++ {
			if testing.Short() && bits > 9 && bits < 15 {
				continue
			}
			for _, takeover := range []bool{false, true} {
				c := Compression{ContextTakeover: takeover, Threshold: -1, MaxRatio: -1}
				p := DeflateParams{ServerMaxWindowBits: 15, ClientMaxWindowBits: 15, ServerNoContextTakeover: !takeover, ClientNoContextTakeover: !takeover}
				if client {
					p.ClientMaxWindowBits = bits
				} else {
					p.ServerMaxWindowBits = bits
				}
				t.Run(fmt.Sprintf("client=%v/bits=%d/takeover=%v", client, bits, takeover), func(t *testing.T) {
					from := newDeflateRig(Deflate{Compression: c, Params: p, Client: client})
					to := newDeflateRig(Deflate{Compression: c, Params: p, Client: !client})
					wire := &slowInflate{size: 1 << bits, takeover: takeover}
					for _, size := range sizes {
						for _, n := range []int{1, 3} {
							p := prose(1, size)
							roundTrip(t, from, to, wire, fragments(frame.OpText, p, n), p)
						}
					}
					for i, distance := range []int{1<<bits - 3, 1<<bits + 5} {
						p := echoes(2, 48<<10, distance)
						roundTrip(t, from, to, wire, fragments(frame.OpText, p, 1+i), p)
					}
					if (bits == 9 || bits == 15) && !testing.Short() {
						p := prose(2, 1<<20)
						roundTrip(t, from, to, wire, fragments(frame.OpText, p, 3), p)
					}
				})
			}
		}
	}
}

func roundTrip(t *testing.T, from, to *deflateRig, wire *slowInflate, frames []*frame.Frame, want []byte) {
	sent, payload := from.sent(frames...)
	require.Len(t, sent, len(frames))
	deflated := sent[0].RSV == frame.RSV1
	require.True(t, deflated || len(frames) == 1)
	for i, f := range sent {
		require.Equal(t, frames[i].Opcode, f.Opcode)
		require.Equal(t, frames[i].Fin, f.Fin)
		require.True(t, i == 0 || f.RSV == 0)
		to.onUp(f)
	}
	require.Empty(t, to.down)
	m := to.got(t)
	require.Equal(t, frame.OpText, m.Opcode)
	require.True(t, bytes.Equal(want, m.Payload))
	if deflated {
		inflated, err := wire.message(payload)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, inflated))
		require.False(t, bytes.HasSuffix(payload, []byte(flushTail)))
	}
}

// Every level, and messages that refer to those before.
func TestDeflateLevels(t *testing.T) {
	for level := 1; level <= 9; level++ {
		c := Compression{Level: level, ContextTakeover: true, Threshold: -1}
		from, to := newDeflateRig(Deflate{Compression: c}), newDeflateRig(Deflate{Compression: c, Client: true})
		wire := &slowInflate{size: 1 << 15, takeover: true}
		p := prose(1, 3000)
		roundTrip(t, from, to, wire, fragments(frame.OpText, p, 1), p)
		roundTrip(t, from, to, wire, fragments(frame.OpText, p, 1), p)
		roundTrip(t, from, to, wire, fragments(frame.OpText, p, 3), p)
		_, again := from.sent(frame.Binary(p))
		assert.Less(t, len(again), 200, "level %d", level)
		assert.Greater(t, wire.farthest, 2500)

		c.ContextTakeover = false
		from, to = newDeflateRig(Deflate{Compression: c}), newDeflateRig(Deflate{Compression: c, Client: true})
		for _, distance := range []int{1<<15 - 3, 1<<15 + 5} {
			p = echoes(1, 100<<10, distance)
			roundTrip(t, from, to, &slowInflate{size: 1 << 15}, fragments(frame.OpText, p, 3), p)
		}
	}
}

// A message that refers to more than the window is refused by the check that the
// tests above rely on.
func TestSlowInflateChecks(t *testing.T) {
	p := append(noise(1, 600), noise(1, 600)...)
	_, payload := newDeflateRig(Deflate{}).sent(frame.Binary(p))
	_, err := (&slowInflate{size: 600}).message(payload)
	require.NoError(t, err)
	_, err = (&slowInflate{size: 599}).message(payload)
	require.Error(t, err)
}

// Which messages are compressed, and which go as they are.
func TestDeflateChoice(t *testing.T) {
	fit := prose(1, 512)
	plain := frame.Binary(fit)
	plain.NoCompress = true
	own := frame.Binary(fit)
	own.RSV = frame.RSV1
	for _, tt := range []struct {
		name string
		c    Compression
		f    *frame.Frame
		want bool
	}{
		{"at the threshold", Compression{}, frame.Binary(fit), true},
		{"below the threshold", Compression{}, frame.Binary(fit[:511]), false},
		{"other threshold", Compression{Threshold: 200}, frame.Binary(fit[:200]), true},
		{"no threshold", Compression{Threshold: -1}, frame.Binary(bytes.Repeat([]byte("a"), 150)), true},
		{"empty, no threshold", Compression{Threshold: -1}, frame.Binary(nil), true},
		{"noise, no threshold", Compression{Threshold: -1}, frame.Binary(noise(1, 1000)), true},
		{"asked not to", Compression{}, plain, false},
		{"compressed by the handler", Compression{}, own, false},
		{"would not shrink", Compression{}, frame.Binary(noise(1, 1000)), false},
		{"would not shrink, takeover", keep, frame.Binary(noise(1, 1000)), false},
		{"control", Compression{Threshold: -1}, frame.Ping(bytes.Repeat([]byte("a"), 100)), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			header, payload := tt.f.Header, bytes.Clone(tt.f.Payload)
			var got *frame.Frame
			_, onDown := Deflate{Compression: tt.c}.Stage()(nil, func(item any) { got = item.(*frame.Frame) })
			onDown(tt.f)
			if tt.want {
				assert.Equal(t, frame.RSV1, got.RSV)
				assert.NotSame(t, tt.f, got)
			} else {
				assert.Same(t, tt.f, got)
			}
			assert.Equal(t, header, tt.f.Header, "frames that were sent are never changed")
			assert.Equal(t, payload, tt.f.Payload, "frames that were sent are never changed")
		})
	}
}

// A message that would not become shorter goes as it is, also if it would be just as long.
func TestDeflateJustAsLong(t *testing.T) {
	found := 0
	for n := range 800 { // from what is stored to what is worth a code of its own
		p := append(noise(1, 250), bytes.Repeat([]byte("a"), n)...)
		every, some := newDeflateRig(Deflate{Compression: Compression{Threshold: -1}}), newDeflateRig(Deflate{Compression: Compression{Threshold: 1}})
		_, deflated := every.sent(frame.Binary(p))
		sent, _ := some.sent(frame.Binary(p))
		assert.Equal(t, len(deflated) < len(p), sent[0].RSV == frame.RSV1, "%d bytes", len(p))
		if len(deflated) == len(p) {
			found++
		}
	}
	require.NotZero(t, found)
}

// The first fragment decides for a message; control frames pass between.
func TestDeflateFragments(t *testing.T) {
	r := newDeflateRig(Deflate{})
	p := prose(1, 900)
	f := fragments(frame.OpText, p, 3)
	sent, payload := r.sent(f[0], frame.Ping(nil), f[1], f[2])
	require.Len(t, sent, 4)
	assert.Equal(t, frame.OpPing, sent[1].Opcode)
	inflated, err := (&slowInflate{size: 1 << 15}).message(payload)
	require.NoError(t, err)
	assert.Equal(t, string(p), string(inflated))

	f = fragments(frame.OpText, p, 3)
	f[0].NoCompress = true
	_, payload = r.sent(f...)
	assert.Equal(t, string(p), string(payload))

	// A handler that breaks a message off and begins another one.
	f = fragments(frame.OpText, p, 3)
	r.sent(f[0], f[1])
	_, payload = r.sent(frame.Binary(p))
	inflated, err = (&slowInflate{size: 1 << 15}).message(payload)
	require.NoError(t, err)
	assert.Equal(t, string(p), string(inflated))
}

// kept is how much of what f was compressed to is remembered.
func kept(s *Shared, f *frame.Frame) int {
	m := s.slots[defaultLevel].memory.Load()
	if m == nil {
		return 0
	}
	known, ok := m.known.Load(f)
	if !ok {
		return 0
	}
	return known.(*sharedFrame).size
}

// However many messages are on their way to however many connections, each is compressed once
// if its sender has said that it is for many, and twice at best if not.
func TestDeflateSharedBurst(t *testing.T) {
	const workers, conns, messages = 4, 10, 100
	pool := deflaterKindOf(7, maxBits).pool() // a level that no other test uses
	var compressed atomic.Int64
	pool.onChange = func(change int) { compressed.Add(int64(max(change, 0))) }
	defer func() { pool.onChange = nil }()
	receive := func(o Deflate, burst []*frame.Frame) {
		for range conns {
			var got []string
			_, down := o.Stage()(nil, func(item any) { got = append(got, item.(*frame.Frame).String()) })
			for _, f := range burst {
				down(f)
			}
			inflated, err := (&slowInflate{size: 1 << 15}).message([]byte(got[len(got)-1]))
			assert.NoError(t, err)
			assert.Equal(t, burst[len(burst)-1].String(), string(inflated))
		}
	}
	var burst []*frame.Frame
	for i := range messages {
		burst = append(burst, frame.Text(string(prose(int64(i), 1000))))
	}
	receive(Deflate{Compression: Compression{Level: 7}, Shared: new(Shared)}, burst)
	assert.Less(t, compressed.Load(), int64(messages*conns/2), "more than share a place in what was seen")

	compressed.Store(0)
	for _, f := range burst {
		f.Share()
	}
	var wg sync.WaitGroup
	o := Deflate{Compression: Compression{Level: 7}, Shared: new(Shared)}
	for range 2 { // there are others before the first message
		o.Stage()(nil, func(any) {})
	}
	for range workers {
		wg.Go(func() { receive(o, burst) })
	}
	wg.Wait()
	assert.EqualValues(t, messages, compressed.Load())
}

// What is remembered has a bound, and the latest is always in it.
func TestDeflateSharedIsBounded(t *testing.T) {
	for size, times := range map[int]int{1000: 40, 100 << 10: 40, 3 << 20: 3} {
		var shared Shared
		stage := Deflate{Shared: &shared}.Stage()
		_, down := stage(nil, func(any) {})
		stage(nil, func(any) {}) // who it is shared with
		for i := range times {
			f := frame.Text(strings.Repeat(fmt.Sprintf("%010d", i), size/10)).Share()
			down(f)
			assert.GreaterOrEqual(t, kept(&shared, f), size)
		}
		m, n := shared.slots[defaultLevel].memory.Load(), 0
		m.known.Range(func(any, any) bool { n++; return true })
		assert.Len(t, m.order, n)
		assert.True(t, m.bytes <= sharedBytes || n == 1, "%d bytes", m.bytes)
		if size == 1000 {
			assert.Equal(t, 40, n)
		}
	}
	var m memory
	for range 2 * sharedCount {
		m.add(&sharedFrame{plain: frame.Text("a")})
	}
	assert.Len(t, m.order, sharedCount)
}

// Where a connection is alone with its Options, for they are made for each request, nothing is remembered: messages that lie where
// others did would be taken for broadcasts, and a MiB of them be kept.
func TestDeflateSharedWithNobody(t *testing.T) {
	var shared Shared
	stage := Deflate{Shared: &shared}.Stage()
	_, down := stage(nil, func(any) {})
	f := frame.Text(string(prose(1, 1000))).Share()
	for range 3 {
		down(f)
	}
	assert.Nil(t, shared.slots[defaultLevel].memory.Load())
	_, other := stage(nil, func(any) {})
	down(f)
	other(f)
	assert.GreaterOrEqual(t, kept(&shared, f), 1000)
}

// A message to many connections is compressed twice if nobody has said that it is one, and one
// to a single connection is not kept.
func TestDeflateShared(t *testing.T) {
	var shared Shared
	o := Deflate{Compression: Compression{}, Shared: &shared}
	f, g := frame.Binary(prose(1, 2000)), frame.Binary(prose(2, 2000))
	wild := frame.Binary(noise(1, 2000))
	var got []*frame.Frame
	var payloads []string
	stage := o.Stage()
	conns := make([]Sink, 5)
	for i := range conns {
		_, conns[i] = stage(nil, func(item any) {
			got = append(got, item.(*frame.Frame))
			payloads = append(payloads, item.(*frame.Frame).String())
		})
	}
	for _, m := range []*frame.Frame{f, g, wild} {
		got, payloads = nil, nil
		for _, send := range conns {
			send(m)
		}
		assert.True(t, m == wild || got[0] != got[2])
		assert.Same(t, got[2], got[3])
		assert.Same(t, got[3], got[4])
		for _, p := range payloads {
			assert.Equal(t, payloads[0], p)
		}
		if m == wild {
			assert.Same(t, m, got[4])
		} else {
			inflated, err := (&slowInflate{size: 1 << 15}).message([]byte(payloads[4]))
			require.NoError(t, err)
			assert.Equal(t, m.Payload, inflated)
		}
	}
	fresh := frame.Binary(prose(4, 2000))
	conns[0](fresh)
	assert.Zero(t, kept(&shared, fresh), "one connection is no broadcast")
	given := frame.New(frame.OpText, 8<<10)
	given.Payload = append(given.Payload, prose(3, 2000)...)
	conns[0](given.Share().Handover())
	assert.Zero(t, kept(&shared, given), "it is for one connection")

	o.ContextTakeover = true
	_, own := o.Stage()(nil, func(item any) {
		if f, ok := item.(*frame.Frame); ok {
			got = append(got, f)
		}
	})
	got = nil
	own(g)
	own(g)
	assert.Less(t, len(got[1].Payload), 100, "takeover compresses for itself")
}

// Idle connections hold nothing that they did not see.
func TestWindow(t *testing.T) {
	w := window{size: 1000}
	var all []byte
	for i := range 300 {
		p := noise(int64(i), i*7%257)
		if i == 200 {
			p = noise(1, 5000)
		}
		w.add(p)
		all = append(all, p...)
		require.True(t, bytes.Equal(all[max(0, len(all)-1000):], w.bytes))
		require.LessOrEqual(t, cap(w.bytes), min(2*len(w.bytes), 1000))
	}
}

// watchPools counts what is outstanding of all pools until the test ends.
func watchPools(t testing.TB) *atomic.Int64 {
	n := new(atomic.Int64)
	count := func(change int) { n.Add(int64(change)) }
	inflaters.onChange = count
	for i := range deflaters {
		deflaters[i].onChange = count
	}
	t.Cleanup(func() {
		inflaters.onChange = nil
		for i := range deflaters {
			deflaters[i].onChange = nil
		}
	})
	return n
}

// In the steady state compressing and inflating allocate nothing.
func TestDeflateAllocs(t *testing.T) {
	var p sync.Pool
	for range 100 {
		if p.Put(t); p.Get() == nil {
			t.Skip("the race detector makes pools forget")
		}
	}
	for _, c := range []Compression{{}, keep} {
		echo := newEcho(c)
		f := frame.Text(string(prose(1, 1024)))
		echo(f)
		assert.Less(t, testing.AllocsPerRun(200, func() { echo(f) }), 1.0, "%+v", c)
	}
}

// newEcho is two connected sides; what one sends it gets back from the other.
func newEcho(c Compression) Sink {
	p := DeflateParams{ServerNoContextTakeover: !c.ContextTakeover, ClientNoContextTakeover: !c.ContextTakeover}
	var serverUp, serverDown Sink
	clientUp, clientDown := Deflate{Compression: c, Params: p, Client: true}.Stage()(
		func(any) {}, func(item any) { serverUp(item) })
	serverUp, serverDown = Deflate{Compression: c, Params: p}.Stage()(
		func(item any) { serverDown(item) }, clientUp)
	return clientDown
}

// A message of 1 KiB of JSON: compressed, inflated, and the same on the way back.
// The size of the compressed message is reported.
func BenchmarkDeflateEcho(b *testing.B) {
	for _, takeover := range []bool{false, true} {
		for level := 1; level <= 9; level++ {
			b.Run(fmt.Sprintf("takeover=%v/level=%d", takeover, level), func(b *testing.B) {
				c := Compression{Level: level, ContextTakeover: takeover}
				echo := newEcho(c)
				var messages []*frame.Frame
				size := newDeflateRig(Deflate{Compression: c})
				n := 0
				for i := range 64 {
					messages = append(messages, frame.Text(string(prose(int64(i), 1024))))
					_, p := size.sent(messages[i])
					n += len(p)
				}
				b.SetBytes(2 * 1024)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					echo(messages[i&63])
					i++
				}
				b.ReportMetric(float64(n)/64, "size")
			})
		}
	}
}

// What each kind of compressor costs and makes of a message.
func BenchmarkDeflate(b *testing.B) {
	for _, c := range []Compression{
		{Level: 1}, {Level: 2}, {Level: 3}, {Level: 5}, {Level: 7}, {Level: 9}, {WindowBits: 9}, {WindowBits: 12},
		{Level: 1, ContextTakeover: true}, {Level: 5, ContextTakeover: true}, {WindowBits: 9, ContextTakeover: true},
	} {
		for _, size := range []int{1 << 10, 16 << 10} {
			name := fmt.Sprintf("level=%d/bits=%d/takeover=%v/size=%d", c.Level, windowBits(c.WindowBits), c.ContextTakeover, size)
			b.Run(name, func(b *testing.B) {
				n := 0
				_, onDown := Deflate{Compression: c}.Stage()(nil, func(item any) { n += Weight(item) })
				var messages []*frame.Frame
				for i := range 64 {
					messages = append(messages, frame.Text(string(prose(int64(i), size))))
				}
				b.SetBytes(int64(size))
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					onDown(messages[i&63])
					i++
				}
				b.ReportMetric(float64(n)/float64(i), "out")
			})
		}
	}
}

// A broadcast to 1,000 connections, and messages to single ones, with and
// without Shared.
func BenchmarkDeflateShared(b *testing.B) {
	for _, shared := range []*Shared{nil, new(Shared)} {
		stage := Deflate{Shared: shared}.Stage()
		var conns []Sink
		for range 1000 {
			_, onDown := stage(nil, func(any) {})
			conns = append(conns, onDown)
		}
		var messages []*frame.Frame
		for i := range 64 {
			messages = append(messages, frame.Text(string(prose(int64(i), 1024))))
		}
		for _, each := range []int{1, 1000} {
			b.Run(fmt.Sprintf("shared=%v/receivers=%d", shared != nil, each), func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(pb *testing.PB) {
					i := rand.Intn(64)
					for pb.Next() {
						for n := range each {
							conns[n](messages[i&63])
						}
						i++
					}
				})
			})
		}
	}
}

// slowInflate is RFC 1951 bit by bit, for tests: it refuses a distance beyond
// its window. The race detector is for what is tested, and would make this five times as slow.
type slowInflate struct {
	size     int
	takeover bool
	farthest int

	in  []byte
	bit int
	out []byte
}

var errSlow = errors.New("does not inflate")

// message inflates one message that ends as RFC 7692 7.2.2 says.
func (s *slowInflate) message(payload []byte) (out []byte, err error) {
	defer func() {
		if e := recover(); e != nil {
			out, err = nil, fmt.Errorf("%w: %v", errSlow, e)
		}
	}()
	s.in, s.bit = append(bytes.Clone(payload), flushTail...), 0
	if !s.takeover {
		s.out = nil
	}
	if len(s.out) > s.size {
		s.out = s.out[len(s.out)-s.size:]
	}
	start := len(s.out)
	for s.bit < 8*len(s.in) {
		if s.block() {
			s.bit = (s.bit + 7) &^ 7
		}
	}
	return s.out[start:], nil
}

//go:norace
func (s *slowInflate) take(n int) (v int) {
	for i := range n {
		v |= int(s.in[s.bit>>3]>>(s.bit&7)&1) << i
		s.bit++
	}
	return v
}

func (s *slowInflate) block() (final bool) {
	final = s.take(1) == 1
	switch s.take(2) {
	case 0:
		s.bit = (s.bit + 7) &^ 7
		n := s.take(16)
		if s.take(16) != n^0xffff {
			panic("stored length")
		}
		s.out = append(s.out, s.in[s.bit>>3:s.bit>>3+n]...)
		s.bit += 8 * n
	case 1:
		var lengths [288 + 30]int
		for i := range lengths {
			switch {
			case i < 144 || i >= 280 && i < 288:
				lengths[i] = 8
			case i < 256:
				lengths[i] = 9
			case i < 280:
				lengths[i] = 7
			default:
				lengths[i] = 5
			}
		}
		s.symbols(newSlowCode(lengths[:288]), newSlowCode(lengths[288:]))
	case 2:
		s.symbols(s.codes())
	default:
		panic("block type")
	}
	return final
}

// codes reads the codes of a dynamic block, RFC 1951 3.2.7.
func (s *slowInflate) codes() (literals, distances slowCode) {
	nl, nd, nc := s.take(5)+257, s.take(5)+1, s.take(4)+4
	order := [...]int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	var small [19]int
	for _, at := range order[:nc] {
		small[at] = s.take(3)
	}
	code := newSlowCode(small[:])
	var lengths []int
	for len(lengths) < nl+nd {
		value, times := s.symbol(code), 1
		switch value {
		case 16:
			value, times = lengths[len(lengths)-1], 3+s.take(2)
		case 17:
			value, times = 0, 3+s.take(3)
		case 18:
			value, times = 0, 11+s.take(7)
		}
		for range times {
			lengths = append(lengths, value)
		}
	}
	return newSlowCode(lengths[:nl]), newSlowCode(lengths[nl:])
}

// symbols reads a block's literals and matches, RFC 1951 3.2.5.
//
//go:norace
func (s *slowInflate) symbols(literals, distances slowCode) {
	for {
		v := s.symbol(literals)
		if v < 256 {
			s.out = append(s.out, byte(v))
			continue
		}
		if v == 256 {
			return
		}
		length := v - 257 + 3
		if v == 285 {
			length = 258
		} else if v >= 265 {
			extra := (v - 261) / 4
			length = (4+(v-261)%4)<<extra + 3 + s.take(extra)
		}
		d := s.symbol(distances)
		distance := d + 1
		if d >= 4 {
			extra := d/2 - 1
			distance = (2+d%2)<<extra + 1 + s.take(extra)
		}
		if distance > s.size {
			panic(fmt.Sprint("distance ", distance))
		}
		s.farthest = max(s.farthest, distance)
		for range length {
			s.out = append(s.out, s.out[len(s.out)-distance])
		}
	}
}

// slowCode finds a symbol, plus one, by its code with a one in front. RFC 1951
// 3.2.2.
type slowCode []int16

func newSlowCode(lengths []int) slowCode {
	c := make(slowCode, 1<<16)
	code := 0
	for n := 1; n <= 15; n++ {
		for symbol, length := range lengths {
			if length == n {
				c[1<<n|code] = int16(symbol) + 1
				code++
			}
		}
		code <<= 1
	}
	return c
}

//go:norace
func (s *slowInflate) symbol(c slowCode) int {
	code := 1
	for range 15 {
		code = code<<1 | s.take(1)
		if c[code] != 0 {
			return int(c[code]) - 1
		}
	}
	panic("code")
}
