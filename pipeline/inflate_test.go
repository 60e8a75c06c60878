package pipeline

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline/internal/inflate"
)

// deflatedText is a whole compressed text message as it comes up from the wire.
func deflatedText(payload string) *frame.Frame {
	f := frame.Text(payload)
	f.RSV = frame.RSV1
	return f
}

// deflations are what deflateOf has made: a script runs several times, and the compressor takes longer
// under the race detector than what is tested.
var deflations sync.Map

// deflateOf compresses with the standard library, and flushes.
func deflateOf(t testing.TB, p []byte, level int) []byte {
	type job struct {
		payload string
		level   int
	}
	made, ok := deflations.Load(job{string(p), level})
	if !ok {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, level)
		require.NoError(t, err)
		_, err = w.Write(p)
		require.NoError(t, err)
		require.NoError(t, w.Flush())
		made = b.Bytes()
		deflations.Store(job{string(p), level}, made)
	}
	return bytes.Clone(made.([]byte))
}

// deflated is what a peer sends of p, RFC 7692 7.2.1.
func deflated(t testing.TB, p []byte, level int) []byte {
	return bytes.TrimSuffix(deflateOf(t, p, level), []byte(flushTail))
}

func messageOf(t testing.TB, p []byte) *frame.Frame {
	return deflatedText(string(deflated(t, p, 5)))
}

var takesOver = Deflate{Compression: keep}

var fresh = Deflate{Params: DeflateParams{ServerNoContextTakeover: true, ClientNoContextTakeover: true}}

// RFC 7692 7.2.3, and what else a message may look like: whole and byte by byte.
func TestInflateExamples(t *testing.T) {
	for _, tt := range []struct {
		name     string
		messages []string // in hex
		want     string   // of each
	}{
		{"7.2.3.1 one block", []string{"f248cdc9c90700"}, "Hello"},
		{"7.2.3.2 sharing the window", []string{"f248cdc9c90700", "f200110000"}, "Hello"},
		{"7.2.3.3 no compression", []string{"000500faff48656c6c6f00"}, "Hello"},
		{"7.2.3.4 final block", []string{"f348cdc9c9070000"}, "Hello"},
		{"7.2.3.5 two blocks", []string{"f248050000 00ffffcac9c90700"}, "Hello"},
		{"7.2.3.6 empty", []string{"00"}, ""},
		{"fixed block of nothing", []string{"0200"}, ""},
		{"no bytes at all", []string{""}, ""},
		{"final block and nothing behind it", []string{"f348cdc9c90700"}, "Hello"},
		{"final block, window kept", []string{"f348cdc9c9070000", "f200110000"}, "Hello"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 1 << 10} {
				r := newDeflateRig(takesOver)
				for _, m := range tt.messages {
					p, err := hex.DecodeString(strings.ReplaceAll(m, " ", ""))
					require.NoError(t, err)
					for _, piece := range pieces(deflatedText(string(p)), size) {
						r.onUp(piece)
					}
					require.Empty(t, r.down)
					assert.Equal(t, tt.want, r.got(t).String())
				}
			}
		})
	}
}

// RFC 7692 7.2.3.4: a message of several DEFLATE streams, of which later ones
// refer to earlier ones; also without takeover.
func TestInflateFinalBlocks(t *testing.T) {
	text := prose(1, 3000)
	var p []byte
	for i := range 3 {
		var b bytes.Buffer
		w, err := flate.NewWriterDict(&b, 5, text[:1000*i])
		require.NoError(t, err)
		_, err = w.Write(text[1000*i : 1000*(i+1)])
		require.NoError(t, err)
		require.NoError(t, w.Close())
		p = append(p, b.Bytes()...)
	}
	for _, end := range []string{"", "\x00"} {
		for _, o := range []Deflate{takesOver, fresh} {
			for _, size := range []int{1, 100, 1 << 20} {
				r := newDeflateRig(o)
				for _, piece := range pieces(deflatedText(string(p)+end), size) {
					r.onUp(piece)
				}
				require.Empty(t, r.down)
				require.Equal(t, string(text), r.got(t).String())
			}
		}
	}
}

// However the network cuts it, a message is the same; and memory between two
// messages is a window and no more.
func TestInflateSplits(t *testing.T) {
	outstanding := watchPools(t)
	random := rand.New(rand.NewSource(1))
	for _, o := range []Deflate{takesOver, fresh} {
		from := newDeflateRig(o)
		whole, split := newDeflateRig(Deflate{Compression: o.Compression, Params: o.Params, Client: true}), newDeflateRig(Deflate{Compression: o.Compression, Params: o.Params, Client: true})
		for i := range 60 {
			want := prose(int64(i%7), random.Intn(100<<(i%11))+1)
			sent, _ := from.sent(fragments(frame.OpBinary, want, 1+i%3)...)
			for _, f := range sent {
				whole.onUp(f)
				for _, piece := range pieces(f, 1+random.Intn(1<<(i%14))) {
					split.onUp(piece)
				}
				split.onUp(frame.Pong(nil))
				require.Equal(t, frame.OpPong, split.up[len(split.up)-1].(*frame.Frame).Opcode)
				split.up = split.up[:len(split.up)-1]
			}
			a, b := whole.got(t), split.got(t)
			require.Equal(t, frame.OpBinary, b.Opcode)
			require.True(t, bytes.Equal(want, a.Payload))
			require.True(t, bytes.Equal(want, b.Payload))
			require.Zero(t, outstanding.Load())
		}
	}
}

// A piece that comes up without compressed bytes, or too few to inflate, still
// tells the stages above that a message has begun.
func TestInflateBegins(t *testing.T) {
	outstanding := watchPools(t)
	r := newDeflateRig(fresh)
	f := messageOf(t, prose(1, 1000))
	head := &frame.Frame{Header: f.Header}
	head.Fin = false
	body := frame.Fragment(frame.OpContinuation, true, f.Payload)
	r.onUp(head)
	require.Len(t, r.up, 1)
	first := r.up[0].(*frame.Frame)
	assert.Equal(t, frame.OpText, first.Opcode)
	assert.False(t, first.Fin)
	assert.Zero(t, first.RSV)
	assert.Zero(t, outstanding.Load(), "nothing to inflate yet")
	r.onUp(body)
	assert.Len(t, r.up, 2)
	assert.Equal(t, prose(1, 1000), r.got(t).Payload)

	for i, piece := range pieces(f, 5) {
		r.onUp(piece)
		require.NotEmpty(t, r.up, "piece %d", i)
	}
	assert.Equal(t, prose(1, 1000), r.got(t).Payload)
}

// What a piece makes goes up with it: nothing waits for the end of a block.
func TestInflateEagerly(t *testing.T) {
	r := newDeflateRig(fresh)
	want := prose(1, 1000)
	for i, piece := range pieces(messageOf(t, want), 20) {
		before := len(r.up)
		if r.onUp(piece); i > 4 { // the codes have come
			require.Len(t, r.up, before+1)
		}
	}
	require.Equal(t, want, r.got(t).Payload)
}

// A piece that makes nothing brings nothing up.
func TestInflateNoEmptyPieces(t *testing.T) {
	r := newDeflateRig(fresh)
	for _, piece := range pieces(messageOf(t, prose(1, 1000)), 1) {
		r.onUp(piece)
	}
	require.Greater(t, len(r.up), 10)
	for _, item := range r.up[1 : len(r.up)-1] {
		require.NotEmpty(t, item.(*frame.Frame).Payload)
	}
	require.Equal(t, prose(1, 1000), r.got(t).Payload)
}

// What the sender flushed goes up with the piece that completed it.
func TestInflateAtOnce(t *testing.T) {
	from, to := newDeflateRig(fresh), newDeflateRig(fresh)
	sent, _ := from.sent(fragments(frame.OpText, prose(1, 3000), 3)...)
	for i, f := range sent {
		to.onUp(f)
		require.Len(t, to.up, i+1)
		assert.Len(t, to.up[i].(*frame.Frame).Payload, 1000)
	}
}

// Messages that are not compressed pass as they are.
func TestInflatePlain(t *testing.T) {
	var got any
	onUp, _ := fresh.Stage()(func(item any) { got = item }, nil)
	for _, item := range []any{frame.Text("a"), frame.Ping(nil), frame.Fragment(frame.OpText, false, nil),
		frame.Fragment(frame.OpContinuation, true, []byte("b")), &Written{}} {
		onUp(item)
		assert.Same(t, item, got)
	}
}

// Data that does not inflate fails the connection; nothing follows.
func TestInflateGarbage(t *testing.T) {
	outstanding := watchPools(t)
	half := messageOf(t, prose(1, 1000)).String()
	for _, tt := range []struct {
		name, payload string
	}{
		{"reserved block type", "\x06"},
		{"stored block without its length", "\x00\x05"},
		{"stored block with a wrong length", "\x00\x05\x00\x05\x00Hello\x00"},
		{"half a stored block", "\x00\x14\x00\xeb\xffHello"},
		{"half a dynamic block", half[:len(half)/2]},
		{"code lengths over-subscribed", "\x04\xff\xff\xff\xff\xff\xff\xff"},
		{"distance before the beginning", "\xf2\x00\x11\x00\x00"},
		{"noise", string(noise(4, 1000))},
		{"behind a final block", "\xf3\x48\xcd\xc9\xc9\x07\x00\x06"},
		{"not flushed", strings.TrimRight("\xf2\x48\xcd\xc9\xc9\x07\x00", "\x00")},
		{"tail left on", "\xf2\x48\xcd\xc9\xc9\x07\x00\x00\xff"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 1 << 10} {
				r := newDeflateRig(fresh)
				for _, piece := range pieces(deflatedText(tt.payload), size) {
					r.onUp(piece)
				}
				require.Len(t, r.down, 1)
				require.Equal(t, notDeflate, r.down[0])
				for _, item := range r.up {
					require.False(t, item.(*frame.Frame).Fin)
				}
				up := len(r.up)
				r.onUp(deflatedText("\x00"))
				r.onUp(frame.Text("plain"))
				assert.Len(t, r.up, up)
				assert.Len(t, r.down, 1)
				assert.Zero(t, outstanding.Load())
			}
		})
	}
}

// zeros is a fragment that inflates to 1 MiB, at about 1000:1.
func zeros(t testing.TB) []byte { return deflateOf(t, make([]byte, 1<<20), 9) }

// A gigabyte of zeros ends early, whichever limit it meets; what was inflated is
// counted by what came up.
func TestInflateBomb(t *testing.T) {
	bomb := zeros(t)
	require.Less(t, len(bomb), 1200)
	patient := fresh
	patient.MaxRatio = -1
	for _, tt := range []struct {
		name  string
		stage Stage
		lower *Limits
		most  int // bytes inflated
	}{
		{"ratio", fresh.Stage(), nil, ratioFrom + inflate.Step + 257},
		{"lower ratio", patient.Stage(), &Limits{InflateRatio: 10}, ratioFrom + inflate.Step + 257},
		{"message limit", Chain(Limit{Message: 1 << 20}.Stage(), patient.Stage()), nil, 1 << 20},
		{"bad text", Chain(Text, patient.Stage()), nil, 1<<20 + 1},
	} {
		for _, size := range []int{13, 1 << 20} {
			t.Run(fmt.Sprintf("%s/pieces of %d", tt.name, size), func(t *testing.T) {
				outstanding := watchPools(t)
				inflated, failed := 0, 0
				onUp, onDown := tt.stage(func(item any) {
					inflated += len(item.(*frame.Frame).Payload)
				}, func(item any) {
					if _, ok := item.(*frame.Error); ok {
						failed++
					}
				})
				if tt.lower != nil {
					onDown(tt.lower)
				}
				for i := range 1 << 10 {
					f := frame.Fragment(frame.OpContinuation, i == 1<<10-1, bomb)
					if i == 0 {
						f.Opcode, f.RSV = frame.OpText, frame.RSV1
					}
					if i == 1 && tt.name == "bad text" {
						f.Payload = deflateOf(t, []byte("\xff"), 5)
					}
					for _, piece := range pieces(f, size) {
						onUp(piece)
					}
				}
				assert.Equal(t, 1, failed)
				assert.LessOrEqual(t, inflated, tt.most)
				assert.Zero(t, outstanding.Load())
			})
		}
	}
}

// The ratio does not depend on how the message was cut.
func TestInflateRatio(t *testing.T) {
	sizes := []int{1, 7, 100, 5000, 1 << 20}
	text := prose(1, 3<<19)
	for _, tt := range []struct {
		name  string
		p     []byte
		ratio int
		fails bool
	}{
		{"zeros, not many", make([]byte, ratioFrom), 0, false},
		{"zeros", make([]byte, ratioFrom+1), 0, true},
		{"zeros, high limit", make([]byte, 2<<20), 1100, false},
		{"prose", text, 0, false},
		{"prose, low limit", text, 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			message := messageOf(t, tt.p)
			for _, size := range sizes {
				all := pieces(message, size)
				if testing.Short() && len(all) > 5000 {
					continue
				}
				o := fresh
				o.MaxRatio = tt.ratio
				r := newDeflateRig(o)
				for _, piece := range all {
					r.onUp(piece)
				}
				if tt.fails {
					require.Equal(t, []any{overRatio}, r.down)
				} else {
					require.Empty(t, r.down)
					require.True(t, bytes.Equal(tt.p, r.got(t).Payload))
				}
			}
		})
	}
}

// Whatever ends a connection in the middle of a message, in either direction,
// nothing is left behind.
func TestDeflateEnds(t *testing.T) {
	ends := map[string]func(onUp, onDown Sink){
		"lost":         func(onUp, _ Sink) { onUp(&Lost{}) },
		"closed":       func(onUp, _ Sink) { onUp(&Closed{}) },
		"closed, lost": func(onUp, _ Sink) { onUp(&Closed{}); onUp(&Lost{}) },
		"stage failed": func(onUp, onDown Sink) { onDown(notUTF8); onUp(&Lost{}) },
		"garbage, lost": func(onUp, _ Sink) {
			onUp(frame.Fragment(frame.OpContinuation, true, []byte("\xff\xff")))
			onUp(&Lost{})
		},
		"more after the end": func(onUp, _ Sink) {
			onUp(&Closed{})
			onUp(frame.Fragment(frame.OpContinuation, true, nil))
			onUp(deflatedText("\x00"))
		},
	}
	for name, end := range ends {
		for _, o := range []Deflate{fresh, takesOver} {
			t.Run(name, func(t *testing.T) {
				outstanding := watchPools(t)
				var conns [][2]Sink
				begun := pieces(messageOf(t, prose(1, 100<<10)), 9<<10)[0]
				for range 10 {
					onUp, onDown := o.Stage()(func(any) {}, func(any) {})
					onUp(begun)
					onDown(frame.Fragment(frame.OpText, false, prose(1, 1000)))
					conns = append(conns, [2]Sink{onUp, onDown})
				}
				require.EqualValues(t, 20, outstanding.Load())
				for _, c := range conns {
					end(c[0], c[1])
				}
				assert.Zero(t, outstanding.Load())
			})
		}
	}
}

// The end may come while a piece is on its way up, from above or as a panic.
func TestDeflateEndsWithin(t *testing.T) {
	f := messageOf(t, prose(1, 100<<10))
	for _, size := range []int{1 << 10, 1 << 20} {
		for _, end := range []string{"failed", "closed", "panic"} {
			t.Run(fmt.Sprintf("%s/pieces of %d", end, size), func(t *testing.T) {
				outstanding := watchPools(t)
				var onUp, onDown Sink
				up := 0
				onUp, onDown = fresh.Stage()(func(item any) {
					if f, ok := item.(*frame.Frame); !ok || len(f.Payload) == 0 {
						return
					}
					if up++; up < 3 {
						return
					}
					switch end {
					case "failed":
						onDown(notUTF8)
					case "closed":
						onUp(&Closed{})
					case "panic":
						panic("a stage")
					}
				}, func(any) {})
				for _, piece := range pieces(f, size) {
					func() {
						defer func() {
							if recover() != nil {
								onUp(&Lost{})
							}
						}()
						onUp(piece)
					}()
				}
				assert.Equal(t, 3, up)
				assert.Zero(t, outstanding.Load())
			})
		}
	}
}

// A message in pieces inside a bubble, as the tests of actors have it, and taken
// up by another goroutine for each piece, as a dispatcher has it.
func TestInflateAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newDeflateRig(fresh)
		for _, piece := range pieces(messageOf(t, prose(1, 2000)), 100) {
			done := make(chan bool)
			go func() {
				defer close(done)
				r.onUp(piece)
			}()
			<-done
		}
		assert.Equal(t, prose(1, 2000), r.got(t).Payload)
	})
}

// Who runs a piece does not matter: goroutines that user code has locked to their threads
// come between others.
func TestInflateOnLockedThreads(t *testing.T) {
	r := newDeflateRig(fresh)
	for i, piece := range pieces(messageOf(t, prose(1, 2000)), 100) {
		done := make(chan bool)
		go func() {
			defer close(done)
			if i%2 == 0 {
				runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			}
			r.onUp(piece)
		}()
		<-done
	}
	assert.Equal(t, prose(1, 2000), r.got(t).Payload)
}

// Any bytes, in any cut, with any history: the same messages and the same end as
// in one piece; and what the standard library inflates, we do.
func FuzzInflate(f *testing.F) {
	f.Add([]byte("\xf2\x48\xcd\xc9\xc9\x07\x00"), []byte("\xf2\x00\x11\x00\x00"), uint16(1), true)
	f.Add([]byte("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), []byte("\x00"), uint16(2), false)
	f.Add([]byte("\x00\x05\x00\xfa\xffHello\x00"), []byte(""), uint16(3), true)
	f.Add([]byte("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), []byte("\x06"), uint16(5), true)
	f.Add([]byte("\x00\x04\x00\xfb\xff"), []byte("\x03\x00\x03\x00"), uint16(1), true)
	f.Add(deflateOf(f, prose(1, 5000), 5), deflateOf(f, prose(1, 100<<10), 1), uint16(700), true)
	f.Add(zeros(f), noise(1, 100), uint16(60), false)
	f.Fuzz(func(t *testing.T, p1, p2 []byte, size uint16, takeover bool) {
		o := fresh
		if takeover {
			o = takesOver
		}
		whole, split := newDeflateRig(o), newDeflateRig(o)
		for _, p := range [][]byte{p1, p2} {
			m := deflatedText(string(p))
			whole.onUp(m)
			for _, piece := range pieces(m, int(size)+1) {
				split.onUp(piece)
			}
			require.Equal(t, whole.down, split.down)
			if len(whole.down) > 0 {
				break
			}
			got := whole.got(t).Payload
			require.True(t, bytes.Equal(got, split.got(t).Payload))
			if !takeover {
				r := flate.NewReader(io.MultiReader(bytes.NewReader(p), strings.NewReader(inflateTail)))
				want, err := io.ReadAll(r)
				require.True(t, err != nil || bytes.HasPrefix(got, want))
			}
		}
		if !takeover && len(whole.down) > 0 {
			require.Contains(t, []any{overRatio, notDeflate}, whole.down[0])
		}
		split.onUp(&Lost{})
	})
}

// bits is DEFLATE by hand, RFC 1951 3.1.1.
type bits struct {
	p []byte
	n int
}

func (w *bits) number(v, size int) {
	for i := range size {
		if w.n%8 == 0 {
			w.p = append(w.p, 0)
		}
		w.p[w.n/8] |= byte(v>>i&1) << (w.n % 8)
		w.n++
	}
}

// code writes Huffman codes, whose bits come in the other order.
func (w *bits) code(bits string) {
	for _, b := range bits {
		w.number(int(b-'0'), 1)
	}
}

// handmade is a message of one block with codes of its own, RFC 1951 3.2.7: 30
// times an a, and three more that are a length and a distance of 1. The code of
// distances may be left empty.
func handmade(distances bool) []byte {
	const zeros, none, one, two = "0", "10", "110", "111" // of the code of lengths: 11 zeros and more; 0, 1 and 2
	var w bits
	w.number(4, 3)  // a block with codes of its own, not the final one
	w.number(1, 5)  // 258 literals and lengths
	w.number(0, 5)  // 1 distance
	w.number(14, 4) // 18 lengths of the code of lengths
	for _, n := range []int{0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 3} {
		w.number(n, 3)
	}
	skip := func(n int) {
		w.code(zeros)
		w.number(n-11, 7)
	}
	skip(97)
	w.code(one) // a
	skip(138)
	skip(20)
	w.code(two) // the end
	w.code(two) // a length of 3
	if distances {
		w.code(one)
	} else {
		w.code(none)
	}
	w.code(strings.Repeat("0", 30) + "11" + "0" + "10")
	w.number(0, 3) // an empty stored block
	return w.p
}

// What an inflater makes of a message does not depend on what it has inflated
// before: a block that leaves a code empty and uses it is refused. It does not
// get the code of somebody else's message.
func TestInflaterForgets(t *testing.T) {
	var lengthless bits // the code of lengths is empty
	lengthless.number(4, 3)
	lengthless.number(0, 5+5+4+4*3+100)
	for name, bad := range map[string][]byte{
		"lengths":   lengthless.p,
		"distances": handmade(false),
	} {
		t.Run(name, func(t *testing.T) { forgets(t, new(inflate.Decoder), bad) })
	}
}

func forgets(t *testing.T, z *inflate.Decoder, bad []byte) {
	refused := func() {
		z.Reset(nil)
		_, _, err := z.Next(bad)
		require.Equal(t, inflate.ErrCorrupt, err)
	}
	refused()
	want := string(z.Output())
	z.Reset(nil)
	_, _, err := z.Next(handmade(true))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("a", 33), string(z.Output()))
	refused()
	require.Equal(t, want, string(z.Output()))
}

// Between two messages a connection keeps nothing of a decompressor: what it has passed up, of a message that has
// ended or not, lies in memory that others use, and that goes when nobody does.
func TestInflateKeepsNoMemory(t *testing.T) {
	p := prose(1, 100_000)
	for name, message := range map[string][]*frame.Frame{
		"whole":        {messageOf(t, p)},
		"in fragments": fragments(frame.OpText, deflated(t, p, 5), 3),
	} {
		t.Run(name, func(t *testing.T) {
			message[0].RSV = frame.RSV1
			var passed []weak.Pointer[byte]
			stage := Deflate{Params: DeflateParams{ClientNoContextTakeover: true}}.Stage()
			up, _ := stage(func(item any) { passed = append(passed, weak.Make(&item.(*frame.Frame).Payload[0])) }, func(any) {})
			for _, f := range message {
				up(f)
			}
			require.NotEmpty(t, passed)
			for range 3 { // the pools forget
				runtime.GC()
			}
			for _, memory := range passed {
				require.Nil(t, memory.Value())
			}
			runtime.KeepAlive(up)
		})
	}
}

// A message that is inflated, of some JSON.
func BenchmarkInflate(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 256 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			p := messageOf(b, prose(1, size)).Payload
			onUp, _ := Deflate{Compression: Compression{MaxRatio: -1}, Params: fresh.Params}.Stage()(func(any) {}, nil)
			f := deflatedText(string(p))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				onUp(f)
			}
		})
	}
}
