package actors

import (
	"crypto/tls"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/actors/transport"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/testcert"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// timed is a plan whose messages have so long; spy stands below what looks at that.
func (w *world) timed(h *handler, each time.Duration, spy pipeline.Stage) *Plan {
	plan := w.plan(h)
	plan.Core = pipeline.Chain(pipeline.Assemble, pipeline.Limit{Time: each}.Stage(), spy, pipeline.Closing{Timeout: 5 * time.Second}.Stage(), pipeline.Codec{}.Stage())
	return plan
}

// looks tells f of each time that somebody above asks to be woken.
func looks(f func()) pipeline.Stage {
	return pipeline.Tap(nil, func(item any) {
		if isA[*pipeline.After](item) {
			f()
		}
	})
}

// begun and more are the first piece of a message, and one of its next.
func begun(s string) string {
	return masked(frame.Fragment(frame.OpText, false, []byte(s)))
}

func more(s string, fin bool) string {
	return masked(frame.Fragment(frame.OpContinuation, fin, []byte(s)))
}

// A handler that is slow keeps us from reading the rest of a message: that is not
// the peer's fault, however long it takes. What the peer itself takes is.
func TestMessageTimeWithASlowHandler(t *testing.T) {
	virtually(t, func(w *world) {
		busy := true
		h := w.handler(func(ctx actor.Context) {
			if f, ok := ctx.Message().(*frame.Frame); ok && f.Opcode == frame.OpPing && busy {
				busy = false
				time.Sleep(10 * time.Minute)
			}
		})
		plan := w.timed(h, time.Minute, pipeline.Chain())
		plan.Top = pipeline.AutoPong{Show: true}.Stage()
		plan.Limits.CreditFrames = 2
		p := w.link(plan)
		h.greeted()
		p.send(begun("to be "), strings.Repeat(masked(frame.Ping(nil)), 3))
		for range 2 {
			p.frame()
		}
		time.Sleep(9 * time.Minute)
		p.frame() // when the handler has done
		p.send(more("contin", false))
		time.Sleep(50 * time.Second)
		p.send(more("ued", true))
		for range 3 {
			expect[*frame.Frame](h)
		}
		h.text("to be continued")

		p.send(begun("to be "))
		p.closes(frame.PolicyViolation)
		p.send(masked(frame.Close(frame.PolicyViolation, "")))
		p.Close()
		h.closed()
	})
}

// While a handler is slow a connection is not woken for its message's time again
// and again, also if that was nearly over.
func TestMessageTimeIsLookedAtNowAndThen(t *testing.T) {
	virtually(t, func(w *world) {
		h, gate := w.gated()
		count := 0
		plan := w.timed(h, time.Minute, looks(func() { count++ }))
		plan.Top = pipeline.AutoPong{Show: true}.Stage()
		plan.Limits.CreditFrames = 1
		_, f := w.startFake(plan)
		f.arrives(begun("to be "))
		time.Sleep(time.Minute - time.Millisecond)
		f.arrives(masked(frame.Ping(nil)) + more("continued", true))
		time.Sleep(time.Hour)
		synctest.Wait()
		assert.Less(w, count, 60*100)
		close(gate)
		expect[*hello](h)
		expect[*frame.Frame](h)
		h.text("to be continued")
		f.ends()
		h.closed()
	})
}

// A peer that does not take its output is not read: that it has caused itself, and
// the time of its message is not without end.
func TestMessageTimeOfAPeerThatDoesNotRead(t *testing.T) {
	output := sized(usual.Out * 3 / 4)
	answer := func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
		answered := false
		return func(item any) {
			if up(item); !answered && isA[*frame.Frame](item) {
				answered = true
				down(output)
			}
		}, down
	}
	for _, test := range []struct {
		name string
		spy  pipeline.Stage
		tell []any
	}{
		{"what the handler sends", pipeline.Chain(), []any{output}},
		{"what a stage sends between two reads", answer, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(w *world) {
				h := w.handler()
				p, f := w.startFake(w.timed(h, time.Minute, test.spy))
				f.accepts(0)
				f.arrives(begun(strings.Repeat("to be ", readBuffer)))
				synctest.Wait()
				p.tell(test.tell...)
				for range 10 * 60 {
					time.Sleep(time.Second)
					f.accepts(1) // so that it does not stall
					f.arrives(more("or ", false))
				}
				require.Equal(w, "message not finished in time", h.closed().Reason)
			})
		})
	}
}

// When the time of a message is over, what has arrived is read first, though
// nobody may have said yet that it has.
func TestMessageTimeOfWhatHasArrived(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		_, f := w.startFake(w.timed(h, time.Minute, pipeline.Chain()))
		f.arrives(begun("to be "))
		time.Sleep(time.Second)
		f.waits(more("continued", true))
		time.Sleep(2 * time.Minute)
		h.greeted()
		h.text("to be continued")
		f.ends()
		h.closed()
	})
}

// A peer whose bytes wait whenever the time is over, because we are slow, gets it
// again: not for ever. One whose bytes do not wait gets it once, however many it
// sends.
func TestMessageTimeAgain(t *testing.T) {
	for _, test := range []struct {
		name   string
		waits  bool
		pieces int // that come up
	}{
		{"bytes wait", true, 1 + 4*6},
		{"bytes do not", false, 1 + 6},
	} {
		t.Run(test.name, func(t *testing.T) {
			virtually(t, func(w *world) {
				pieces := 0
				h := w.handler()
				_, f := w.startFake(w.timed(h, time.Minute, pipeline.Tap(func(item any) {
					if isA[*frame.Frame](item) {
						pieces++
						time.Sleep(time.Millisecond) // a turn takes some
					}
				}, nil)))
				f.arrives(begun("to be "))
				time.Sleep(5 * time.Second)
				for range 100 {
					if f.waits(more("or ", false)); !test.waits {
						f.mailbox.Signal(transport.Readable)
					}
					time.Sleep(10 * time.Second)
				}
				require.Equal(w, frame.PolicyViolation, h.closed().Code)
				require.Equal(w, test.pieces, pieces)
			})
		})
	}
}

// Where a goroutine reads, it may not have got to what has arrived when the time
// of the message is over.
func TestMessageTimeOfAGoroutineThatIsLate(t *testing.T) {
	for _, s := range []setting{
		{name: "TCP", portable: true},
		{name: "TLS", portable: true, tls: true},
	} {
		t.Run(s.name, func(t *testing.T) {
			testcert.Certificate()
			loopback()
			virtually(t, func(w *world) {
				near, far := (&world{T: w.T, setting: s}).pair()
				late := &lateReader{near, make(chan struct{})}
				read := sync.OnceFunc(func() { close(late.gate) })
				h := w.handler()
				asked := 0
				plan := w.timed(h, 10*time.Second, looks(func() {
					if asked++; asked == 2 { // it was time
						read()
					}
				}))
				_, err := io.WriteString(far, more("continued", true))
				require.NoError(w, err)
				var wire transport.Transport
				w.startWith(plan, func(m *dispatch.Mailbox) transport.Transport {
					wire = w.rt.poller.Open(late, m, true)
					return wire
				}, []byte(begun("to be ")))
				h.greeted()
				h.text("to be continued")
				if c, ok := far.(*tls.Conn); ok {
					far = c.NetConn()
				}
				far.Close()
				h.closed()
				require.False(w, wire.HasUnread(), "behind the end")
			})
		})
	}
}

// lateReader is a socket that a goroutine reads, once the gate is open. It can be asked what has arrived.
type lateReader struct {
	net.Conn
	gate chan struct{}
}

func (l *lateReader) Read(p []byte) (int, error) {
	<-l.gate
	return l.Conn.Read(p)
}

func (l *lateReader) SyscallConn() (syscall.RawConn, error) {
	nc := l.Conn
	if c, ok := nc.(*tls.Conn); ok {
		nc = c.NetConn()
	}
	return nc.(syscall.Conn).SyscallConn()
}

// A stage may panic at what is read then: the connection ends as after any panic,
// also if the peer does nothing.
func TestPanicAtWhatHasArrived(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		p, f := w.startFake(w.timed(h, time.Minute, pipeline.Tap(func(item any) {
			if m, ok := item.(*frame.Frame); ok && m.Fin {
				panic("the end")
			}
		}, nil)))
		f.arrives(begun("to be "))
		time.Sleep(time.Second)
		f.waits(more("continued", true))
		time.Sleep(2 * time.Minute)
		require.True(w, p.ended())
		require.Equal(w, frame.InternalError, h.closed().Code)
	})
}

// A peer that floods a handler which sleeps is not read, and is not dead. It is
// when it says nothing once the handler has woken up.
func TestAutoPingWithASlowHandler(t *testing.T) {
	virtually(t, func(w *world) {
		h, gate := w.gated()
		h.forgetful()
		plan := w.plan(h)
		plan.Top = pipeline.Chain(plan.Top.Stage(), pipeline.AutoPing{Interval: 30 * time.Second, Timeout: 20 * time.Second}.Stage())
		_, f := w.startFake(plan)
		f.arrives(strings.Repeat(masked(frame.Text("x")), 10*usual.CreditFrames))
		time.Sleep(time.Hour)
		require.Empty(w, f.written())
		close(gate)
		synctest.Wait()
		require.Equal(w, 10*usual.CreditFrames, h.frames())
		require.Zero(w, told[*pipeline.Closed](h))
		time.Sleep(50 * time.Second)
		end := h.closed()
		require.Equal(w, frame.InternalError, end.Code)
		require.ErrorContains(w, end.Err, "no answer to ping")
	})
}

// A Pong that has arrived is life, though nobody may have said yet that it has.
func TestAutoPingOfWhatHasArrived(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		plan := w.plan(h)
		plan.Top = pipeline.Chain(plan.Top.Stage(), pipeline.AutoPing{Interval: 30 * time.Second, Timeout: 20 * time.Second}.Stage())
		_, f := w.startFake(plan)
		time.Sleep(31 * time.Second)
		require.Equal(w, unmasked(frame.Ping([]byte{0, 0, 0, 1})), f.written())
		f.waits(masked(frame.Pong([]byte{0, 0, 0, 1})))
		time.Sleep(20 * time.Second)
		h.greeted()
		require.Equal(w, []byte{0, 0, 0, 1}, expect[*pipeline.RoundTripTime](h).Payload)
		time.Sleep(50 * time.Second)
		require.Equal(w, frame.InternalError, h.closed().Code)
		require.Equal(w, unmasked(frame.Ping([]byte{0, 0, 0, 1}), frame.Ping([]byte{0, 0, 0, 2}), frame.Close(frame.InternalError, "no answer to ping")), f.written())
	})
}
