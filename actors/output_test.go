package actors

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/require"
)

// sized is a text message of n bytes, n more than one.
func sized(n int) *frame.Frame { return frame.Text(strings.Repeat("x", n)) }

// unmasked is a server's frames.
func unmasked(frames ...*frame.Frame) string {
	var b []byte
	for _, f := range frames {
		b = frame.Append(b, f)
	}
	return string(b)
}

// goodbye is the peer's part of an end.
func (f *fake) goodbye() {
	f.arrives(masked(frame.Close(frame.Normal, "")))
	f.ends()
}

// A peer that never reads: Backpressure once, then 1008 at the limit, and Closed
// once; what is held stays near the limit.
func TestOutputOverTheLimit(t *testing.T) {
	for _, recovers := range []bool{false, true} {
		t.Run(fmt.Sprintf("recovers=%v", recovers), func(t *testing.T) {
			virtually(t, func(w *world) {
				h := w.handler()
				p, f := w.startFake(w.plan(h))
				f.accepts(100)
				h.greeted()
				message := sized(1000)
				for range 3000 {
					p.tell(message)
				}
				synctest.Wait()
				got := expect[*pipeline.Backpressure](h)
				require.Greater(w, got.Waiting, usual.High)
				require.LessOrEqual(w, got.Waiting, usual.High+1004)
				require.Equal(w, 1, told[*pipeline.Backpressure](h))
				require.LessOrEqual(w, p.waiting(), usual.Out+flushThreshold)
				fit := usual.Out / 1004
				whole := strings.Repeat(unmasked(message), fit) + unmasked(frame.Close(frame.PolicyViolation, "slow consumer"))
				if recovers {
					f.accepts(-1)
					synctest.Wait()
					require.Equal(w, len(whole), len(f.written()))
					require.True(w, whole == f.written())
					f.goodbye()
				}
				end := h.closed()
				require.Equal(w, frame.PolicyViolation, end.Code)
				require.Equal(w, "slow consumer", end.Reason)
				require.Equal(w, pipeline.Local, end.By)
				require.ErrorContains(w, end.Err, "slow consumer")
				if !recovers {
					require.Equal(w, 100, len(f.written()))
				}
			})
		})
	}
}

// A high mark below the low one, as where only one of them is set, is both: Drained does not come while as much waits.
func TestBackpressureBelowTheLowMark(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		plan.Limits.High = usual.Low / 2
		p, f := w.startFake(plan)
		h.greeted()
		f.accepts(0)
		for range 3 {
			p.tell(sized(usual.Low / 4))
			synctest.Wait()
		}
		require.Greater(w, expect[*pipeline.Backpressure](h).Waiting, plan.Limits.High)
		f.accepts(1)
		synctest.Wait()
		require.Equal(w, h.seen, len(h.all))
		f.accepts(-1)
		require.Less(w, expect[*pipeline.Drained](h).Waiting, plan.Limits.High)
		f.goodbye()
		h.closed()
	})
}

// Backpressure and Drained come in turns, once each.
func TestBackpressureAndDrained(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		p, f := w.startFake(w.plan(h))
		h.greeted()
		sent := 0
		for range 3 {
			f.accepts(0)
			for range 100 {
				p.tell(sized(1000))
				sent++
			}
			synctest.Wait()
			require.Greater(w, expect[*pipeline.Backpressure](h).Waiting, usual.High)
			f.accepts(100*1004 - usual.Low) // not less than the low mark yet
			synctest.Wait()
			require.Equal(w, h.seen, len(h.all))
			f.accepts(1)
			require.Equal(w, usual.Low-1, expect[*pipeline.Drained](h).Waiting)
			f.accepts(-1)
			synctest.Wait()
		}
		require.Equal(w, sent*1004, len(f.written()))
		require.Equal(w, h.seen, len(h.all))
		f.goodbye()
		h.closed()
	})
}

// One message may be larger than the limit if nothing else waits.
func TestMessageLargerThanTheLimit(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		p, f := w.startFake(w.plan(h))
		f.accepts(10)
		large := sized(3 << 20)
		p.tell(large)
		synctest.Wait()
		require.Zero(w, told[*pipeline.Closed](h))
		f.accepts(-1)
		synctest.Wait()
		require.True(w, unmasked(large) == f.written())
		f.accepts(10)
		p.tell(large, sized(10))
		synctest.Wait()
		f.accepts(-1)
		synctest.Wait()
		require.True(w, unmasked(large, large, frame.Close(frame.PolicyViolation, "slow consumer")) == f.written())
		f.goodbye()
		h.closed()
	})
}

// What a stage sends at once, in the middle of an item: a message that finds no space is
// the last, a smaller one behind it would leave a hole.
func TestOverTheLimitWithinAnItem(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		fits, large, small := sized(usual.Out/2), sized(usual.Out), sized(10)
		plan.Top = pipeline.Stage(func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
			return func(item any) {
				if _, ok := item.(*frame.Frame); ok {
					for _, f := range []*frame.Frame{fits, large, small} {
						down(f)
					}
				}
				up(item)
			}, down
		})
		_, f := w.startFake(plan)
		f.accepts(10)
		f.arrives(masked(frame.Text("all of it")))
		synctest.Wait()
		f.accepts(-1)
		synctest.Wait()
		require.True(w, unmasked(fits, frame.Close(frame.PolicyViolation, "slow consumer")) == f.written())
		f.goodbye()
		h.closed()
	})
}

// What is urgent finds space when nothing else does, in its place.
func TestUrgentOutput(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		p, f := w.startFake(w.plan(h))
		f.accepts(10)
		full := sized(usual.Out - 100)
		p.tell(full, frame.Ping([]byte(strings.Repeat("?", 100))), frame.Close(4000, "full"))
		synctest.Wait()
		f.accepts(-1)
		synctest.Wait()
		require.True(w, unmasked(full, frame.Ping([]byte(strings.Repeat("?", 100))), frame.Close(4000, "full")) == f.written())
		f.goodbye()
		require.Equal(w, "full", h.closed().Reason)
	})
}

// A flood of what is urgent has its limit too.
func TestUrgentFlood(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		p, f := w.startFake(w.plan(h))
		f.accepts(0)
		ping := frame.Ping([]byte(strings.Repeat("?", 114))) // they fill the last space to a byte
		for range 2 * usual.Out / 116 {
			p.tell(ping)
		}
		synctest.Wait()
		require.LessOrEqual(w, p.waiting(), usual.Out+2*flushThreshold)
		f.accepts(-1)
		synctest.Wait()
		require.True(w, strings.HasSuffix(f.written(), unmasked(frame.Close(frame.PolicyViolation, "slow consumer"))))
		require.Equal(w, frame.PolicyViolation, h.closed().Code)
	})
}

// While the wire takes nothing, one pong is owed: the latest ping's.
func TestOnePongIsOwed(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		p, f := w.startFake(w.plan(h))
		f.accepts(0)
		p.tell(sized(2 * pongSpace))
		synctest.Wait()
		for i := range 1000 {
			f.arrives(masked(frame.Ping([]byte(fmt.Sprint(i)))))
			synctest.Wait()
		}
		f.accepts(-1)
		synctest.Wait()
		require.True(w, unmasked(sized(2*pongSpace), frame.Pong([]byte("999"))) == f.written())
		f.goodbye()
		h.closed()
	})
}

// Output that makes no progress ends the connection; output that makes little
// does not.
func TestStall(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		p, f := w.startFake(w.plan(h))
		f.accepts(0)
		p.tell(frame.Text("hello"))
		for range 6 {
			time.Sleep(usual.Stall * 9 / 10)
			f.accepts(1)
			synctest.Wait()
			require.False(w, p.ended())
		}
		require.Equal(w, "\x81\x05hell", f.written())
		time.Sleep(2*usual.Stall + 10*time.Millisecond)
		synctest.Wait()
		require.True(w, p.ended())
		end := h.closed()
		require.Equal(w, frame.PolicyViolation, end.Code)
		require.False(w, end.Clean)
		require.ErrorContains(w, end.Err, "no progress")
	})
}

// Space for a byte is progress, before anybody says that there is some: a kernel waits
// until it has more.
func TestStallWithSpaceUnsignalled(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		p, f := w.startFake(w.plan(h))
		f.accepts(0)
		p.tell(frame.Text("hello"))
		for n := range 6 {
			time.Sleep(usual.Stall * 9 / 10)
			f.mu.Lock()
			f.space = 1
			f.mu.Unlock()
			synctest.Wait()
			require.False(w, p.ended(), "%d", n)
		}
		require.Contains(w, []string{"\x81\x05hell", "\x81\x05hel"}, f.written())
		require.ErrorContains(w, h.closed().Err, "no progress")
	})
}

// The same over a connection that blocks: its writer is set free. A peer that reads
// a byte now and then has not stalled, however much is written at once.
func TestStallOfAPipe(t *testing.T) {
	for _, reads := range []int{0, 30} {
		t.Run(fmt.Sprint(reads), func(t *testing.T) {
			virtually(t, func(w *world) {
				h := w.handler()
				p := w.link(w.plan(h))
				want := unmasked(sized(60 << 10))
				p.tell(sized(60 << 10))
				for i := range reads {
					time.Sleep(usual.Stall * 9 / 10)
					var b [1]byte
					_, err := io.ReadFull(p.Conn, b[:])
					require.NoError(w, err)
					require.Equal(w, want[i], b[0])
				}
				require.Zero(w, told[*pipeline.Closed](h))
				require.Equal(w, frame.PolicyViolation, h.closed().Code)
			})
		})
	}
}

// A burst is one write.
func TestOneWriteABurst(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		plan.Top = burst(100)
		_, f := w.startFake(plan)
		synctest.Wait()
		before := f.op
		f.arrives(masked(frame.Text("go")))
		synctest.Wait()
		require.Equal(w, strings.Repeat(unmasked(frame.Text("go")), 100), f.written())
		require.Equal(w, 2+1, f.op-before, "two reads, a write")
		f.goodbye()
		h.closed()
	})
}

// A burst that is longer is written in pieces, from a buffer that is kept.
func TestLongBurst(t *testing.T) {
	const n = 3000
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		plan.Top = burst(n)
		_, f := w.startFake(plan)
		message := sized(100)
		f.arrives(masked(message))
		synctest.Wait()
		require.True(w, strings.Repeat(unmasked(message), n) == f.written())
		require.Greater(w, f.buffer, 4<<10)
		require.LessOrEqual(w, f.buffer, transport.MaxWriteBuffer)
		f.goodbye()
		h.closed()
	})
}

// burst answers a message n times.
func burst(n int) pipeline.Stage {
	return func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
		return func(item any) {
			if m, ok := item.(*frame.Frame); ok {
				for range n {
					down(m)
				}
				return
			}
			up(item)
		}, down
	}
}

// A wire that takes bits now and then gets everything in order, small and large.
func TestOutputInBits(t *testing.T) {
	for seed := range uint64(8) {
		virtually(t, func(w *world) {
			random := rand.New(rand.NewPCG(seed, 0))
			h := w.handler()
			plan := w.plan(h)
			plan.Limits.Out = 0
			p, f := w.startFake(plan)
			f.accepts(0)
			var want strings.Builder
			for range 100 {
				for range random.IntN(4) {
					m := sized(2 + random.IntN([]int{100, directWriteMin, 3 * directWriteMin, 3 * flushThreshold}[random.IntN(4)]))
					m.Payload[0] = byte('a' + random.IntN(26))
					want.WriteString(unmasked(m))
					p.tell(m)
				}
				if random.IntN(2) == 0 {
					synctest.Wait()
				}
				f.accepts(random.IntN([]int{10, directWriteMin, 3 * flushThreshold}[random.IntN(3)]))
				if random.IntN(2) == 0 {
					synctest.Wait()
				}
			}
			f.accepts(-1)
			synctest.Wait()
			require.Equal(w, want.Len(), len(f.written()))
			require.True(w, want.String() == f.written())
			f.goodbye()
			h.closed()
		})
	}
}

// What was written does not stay in front of what waits: a buffer is not much larger
// than the limit, however long a slow peer has been served from it.
func TestOutBufferOfASlowPeer(t *testing.T) {
	virtually(t, func(w *world) {
		const limit = 32 << 10
		h := w.handler()
		plan := w.plan(h)
		plan.Limits.Out = limit
		p, f := w.startFake(plan)
		f.accepts(0)
		most, size := 0, 0
		for range 100 {
			for p.waiting() < limit-1100 {
				p.tell(sized(1000))
			}
			f.accepts(7 << 10)
			synctest.Wait()
			p.look(func(s *stream) { size = cap(*s.out.buf) })
			most = max(most, size)
		}
		require.Less(w, most, 2*limit)
		f.accepts(-1)
		synctest.Wait()
		f.goodbye()
		h.closed()
	})
}

// An out buffer that has grown is not kept, one of ordinary size is given back.
func TestOutBufferIsGivenBack(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		p, f := w.startFake(w.plan(h))
		for _, size := range []int{10, 500 << 10} {
			f.accepts(0)
			p.tell(sized(size))
			synctest.Wait()
			p.look(func(s *stream) { require.NotNil(w, s.out.buf) })
			f.accepts(-1)
			synctest.Wait()
			p.look(func(s *stream) { require.Nil(w, s.out.buf) })
		}
		f.goodbye()
		h.closed()
	})
}
