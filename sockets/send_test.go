package sockets

import (
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Send waits for space: a peer that reads nothing stops it, and is no slow consumer for that;
// what its context has withdrawn does not go out.
func TestSendToAnActorWaits(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		o := &Options{MaxOut: 256 << 10, MaxBurst: 256 << 10, WriteStall: -1}
		p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: o}))
		conn, _ := h.upgraded()
		const size = 16 << 10
		sent := 0
		for {
			brief, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			err := Send(brief, w.system, conn, frame.Binary(make([]byte, size)))
			cancel()
			if err != nil {
				require.ErrorIs(w, err, context.DeadlineExceeded)
				break
			}
			sent++
			require.Less(w, sent, 4096, "nobody waits")
		}
		done := make(chan error, 1)
		go func() { done <- Send(w.within(), w.system, conn, frame.Text("last")) }()
		for range sent {
			require.Len(w, p.frame().Payload, size)
		}
		require.Equal(w, "last", p.frame().String())
		require.NoError(w, take(w, done))
		p.reset()
		h.untilClosed()
		require.True(w, until(func() bool {
			return Send(w.within(), w.system, conn, frame.Text("late")) != nil
		}))
		assert.ErrorIs(w, Send(w.within(), w.system, conn, frame.Text("late")), net.ErrClosed)
	})
}

// Who waits for space when the connection ends is told.
func TestSendIsToldOfTheEnd(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: &Options{WriteStall: -1}}))
		conn, _ := h.upgraded()
		ended := make(chan error, 1)
		go func() {
			for {
				if err := Send(w.within(), w.system, conn, frame.Binary(make([]byte, 64<<10))); err != nil {
					ended <- err
					return
				}
			}
		}()
		time.Sleep(50 * time.Millisecond)
		p.reset()
		assert.ErrorIs(w, take(w, ended), net.ErrClosed)
	})
}

// Who sends is told also if a stage panics with what it has sent.
func TestSendThroughAStageThatPanics(t *testing.T) {
	w := newWorld(t, bare)
	stages := []pipeline.Stage{panics(false)}
	h := w.handler()
	p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid, Stages: stages}))
	conn, _ := h.upgraded()
	told := make(chan error, 1)
	go func() { told <- Send(w.within(), w.system, conn, frame.Text("panic")) }()
	assert.ErrorIs(w, take(w, told), net.ErrClosed)
	p.closes(frame.InternalError)
	p.Close()

	p = w.upgrade(w.dropIn(&SessionHandler{Options: w.terms(&UpgradeServer{}).Options, Stages: stages, Serve: func(ctx context.Context, c *Conn) error {
		out, err := c.Writer(ctx, frame.OpText)
		if err == nil {
			io.WriteString(out, "panic")
			err = out.Close()
		}
		told <- err
		return nil
	}}))
	p.closes(frame.InternalError)
	p.Close()
	assert.Equal(w, frame.InternalError, CloseCode(take(w, told)))
}

// Two Writers and a sender of whole messages do not mix, whatever waits for the end of what.
func TestWritersToAnActor(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: &Options{MaxOut: 256 << 10}}))
		conn, _ := h.upgraded()
		ctx := w.within()
		const size, wholes = 1 << 20, 1000
		var senders sync.WaitGroup
		for _, letter := range []string{"a", "b"} {
			senders.Go(func() {
				out, err := Writer(ctx, w.system, conn, frame.OpText)
				assert.NoError(w, err)
				for n := 0; n < size; n += 1024 {
					_, err := io.WriteString(out, strings.Repeat(letter, 1024))
					assert.NoError(w, err)
				}
				assert.NoError(w, out.Close())
				assert.NoError(w, out.Close())
			})
		}
		senders.Go(func() {
			for range wholes {
				assert.NoError(w, Send(ctx, w.system, conn, frame.Binary(make([]byte, 1024))))
			}
		})
		var got []byte
		messages, open := 0, false
		for messages < wholes || len(got) < 2*size {
			switch f := p.frame(); f.Opcode {
			case frame.OpText, frame.OpContinuation:
				require.Equal(w, open, f.Opcode == frame.OpContinuation)
				got, open = append(got, f.Payload...), !f.Fin
			case frame.OpBinary:
				require.False(w, open)
				messages++
			default:
				require.Fail(w, f.Opcode.String(), f.String())
			}
		}
		senders.Wait()
		a, b := strings.Repeat("a", size), strings.Repeat("b", size)
		assert.True(w, string(got) == a+b || string(got) == b+a)
		p.Close()
	})
}

// Misuse of Send and Writer is an error that names itself.
func TestSendMisuse(t *testing.T) {
	var nobody context.Context
	ctx := context.Background()
	system := theSystem()
	pid := system.NewLocalPID("nobody")
	assert.ErrorIs(t, Send(nobody, system, pid, frame.Text("")), ErrNilContext)
	assert.ErrorIs(t, Send(ctx, system, pid, nil), ErrNilFrame)
	assert.Error(t, Send(ctx, system, nil, frame.Text("")))
	assert.ErrorIs(t, Send(ctx, system, pid, frame.Text("")), net.ErrClosed)
	_, err := Writer(nobody, system, pid, frame.OpText)
	assert.ErrorIs(t, err, ErrNilContext)
	_, err = Writer(ctx, system, pid, frame.OpPing)
	assert.Error(t, err)
	_, err = Writer(ctx, system, nil, frame.OpText)
	assert.Error(t, err)
}

// What comes in as a Message goes out as one, while it arrives.
func TestMessageIsEchoedWhileItArrives(t *testing.T) {
	sampled(t, func(w *world) {
		h := w.spawned(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*Message); ok {
				r, conn := m.Reader(), ctx.Sender()
				go func() {
					out, err := Writer(context.Background(), w.system, conn, m.Op())
					assert.NoError(w, err)
					_, err = io.Copy(out, r)
					assert.NoError(w, err)
					assert.NoError(w, out.Close())
				}()
			}
		})
		p := w.upgrade(w.websocket(&UpgradeServer{Spawn: h.props, Options: streaming()}))
		p.send(masked(frame.Fragment(frame.OpBinary, false, make([]byte, 100_000))))
		n := len(p.frame().Payload)
		assert.Positive(w, n, "the first is out before the last is in")
		go io.WriteString(p.Conn, strings.Repeat(masked(frame.Fragment(frame.OpContinuation, false, make([]byte, 100_000))), 49)+masked(frame.Fragment(frame.OpContinuation, true, nil)))
		for fin := false; !fin; {
			f := p.frame()
			n, fin = n+len(f.Payload), f.Fin
		}
		assert.Equal(w, 5_000_000, n)
		p.Close()
	})
}

// Who sends while a Writer is open waits when much waits for that already, whatever the messages are.
func TestConnSendsAnySizeWhileAWriterIsOpen(t *testing.T) {
	sizes := map[string][]int{"little, then much": {50 << 10, 1000 << 10}, "tiny": slices.Repeat([]int{1}, 40_000), "empty": make([]int, 40_000)}
	for name, sizes := range sizes {
		for option, o := range map[string]Options{"defaults": {}, "MaxOut": {MaxOut: 32 << 10}} {
			t.Run(name+", "+option, func(t *testing.T) {
				w := newWorld(t, bare)
				got := make(chan int, 1)
				addr := w.session(&Options{}, func(ctx context.Context, c *Conn) error {
					n := 0
					for range c.Messages(ctx) {
						n++
					}
					got <- n
					return nil
				})
				c := w.open(addr, &o)
				out, err := c.Writer(w.within(), frame.OpText)
				require.NoError(w, err)
				_, err = io.WriteString(out, strings.Repeat("x", 20<<10)) // it has begun to go out
				require.NoError(w, err)
				sent := make(chan error, 1)
				var count atomic.Int32
				go func() {
					for _, size := range sizes {
						if err := c.SendBinary(w.within(), make([]byte, size)); err != nil {
							sent <- err
							return
						}
						count.Add(1)
					}
					sent <- nil
				}()
				before, same := int32(0), 0
				require.True(w, until(func() bool { // it waits, or is done
					if now := count.Load(); now != before {
						before, same = now, 0
					}
					same++
					return same > 10
				}))
				require.NoError(w, out.Close())
				require.NoError(w, take(w, sent))
				require.NoError(w, c.Close(frame.Normal, ""))
				require.Equal(w, len(sizes)+1, take(w, got))
			})
		}
	}
}

// Who sends whole messages while a Writer is open waits for its end, and neither is stopped by
// the other.
func TestConnSendsWhileAWriterIsOpen(t *testing.T) {
	everywhere(t, func(w *world) {
		const wholes = 500
		got := make(chan int, 1)
		addr := w.session(nil, func(ctx context.Context, c *Conn) error {
			n := 0
			for range c.Messages(ctx) {
				n++
			}
			got <- n
			return nil
		})
		c := w.open(addr, &Options{MaxOut: 32 << 10})
		out, err := c.Writer(w.within(), frame.OpText)
		require.NoError(w, err)
		_, err = io.WriteString(out, strings.Repeat("x", 20<<10))
		require.NoError(w, err)
		sent := make(chan error, 1)
		go func() {
			for range wholes {
				if err := c.SendBinary(w.within(), make([]byte, 1024)); err != nil {
					sent <- err
					return
				}
			}
			sent <- nil
		}()
		for range 20 {
			_, err = io.WriteString(out, strings.Repeat("x", 20<<10))
			require.NoError(w, err)
		}
		require.NoError(w, out.Close())
		require.NoError(w, take(w, sent))
		require.NoError(w, c.Close(frame.Normal, ""))
		require.Equal(w, wholes+1, take(w, got))
	})
}
