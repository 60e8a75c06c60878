package sockets

import (
	"context"

	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slowly is a handler that takes its time with each message.
func slowly(d time.Duration) func(ctx actor.Context) {
	return func(ctx actor.Context) {
		if _, ok := ctx.Message().(*frame.Frame); ok {
			time.Sleep(d)
		}
	}
}

// frames counts the messages that a handler was given.
func (h *handler) frames() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.all {
		if _, ok := m.message.(*frame.Frame); ok {
			n++
		}
	}
	return n
}

func numbered(n int) string { return padded(n, "") }

// padded are numbered messages that end with pad.
func padded(n int, pad string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(masked(frame.Text(fmt.Sprint("message ", i, pad))))
	}
	return b.String()
}

// What the peer sent before its end reaches a handler that is slow, however the peer
// ends: what waits for credit waits, and what broke the connection waits as well.
func TestInputBeforeTheEndIsDelivered(t *testing.T) {
	const messages = 150 // more than the credit, and with what they carry more than a read takes
	pad := strings.Repeat(".", 200)
	ends := map[string]func(p *peer){
		"a Close": func(p *peer) {
			p.send(masked(frame.Close(frame.Normal, "bye")))
			go func() { // the server ends first, and waits for the peer's end
				io.Copy(io.Discard, p.in)
				p.Close()
			}()
		},
		"its half":    (*peer).half,
		"the TCP end": func(p *peer) { p.Close() },
		"a reset":     (*peer).reset,
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			sampled(t, func(w *world) {
				for _, answers := range []bool{false, true} {
					if answers && w.tls {
						continue // TLS ends at the first write that fails, and so does what it had to read
					}
					h := w.handler(slowly(time.Millisecond), func(ctx actor.Context) {
						if answers {
							echo(ctx)
						}
					})
					p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid}))
					h.upgraded()
					p.send(padded(messages, pad))
					time.Sleep(20 * time.Millisecond)
					end(p)
					closed := h.untilClosed()
					if assert.Equal(w, messages, h.frames(), "%+v", closed) {
						assert.NotErrorIs(w, closed.Err, io.ErrNoProgress)
					}
					p.Close()
				}
			})
		})
	}
}

// Credit that does not come back, because what asks for it gets lost, ends the connection
// with an error that says so; a pause that was asked for does not.
func TestCreditHasADeadline(t *testing.T) {
	sampled(t, func(w *world) {
		filter := func(next actor.ReceiverFunc) actor.ReceiverFunc {
			return func(c actor.ReceiverContext, env *actor.MessageEnvelope) {
				if _, ok := env.Message.(*actor.Touch); !ok {
					next(c, env)
				}
			}
		}
		h := w.spawned()
		pid := w.system.Root.Spawn(h.props.Clone(actor.WithReceiverMiddleware(filter)))
		w.Cleanup(func() { w.system.Root.PoisonFuture(pid).Wait() })
		p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: pid, Options: &Options{CreditTimeout: 300 * time.Millisecond}}))
		h.upgraded()
		began := time.Now()
		p.send(numbered(70)) // more than the credit
		assert.Contains(w, p.closes(frame.InternalError), "handler")
		assert.Greater(w, time.Since(began), 250*time.Millisecond)
		p.Close()
		closed := h.untilClosed()
		assert.Equal(w, frame.InternalError, closed.Code)
		assert.ErrorIs(w, closed.Err, ErrNoCredit)
	})
}

// A handler that takes little, so that its credit is never spent, and then nothing more,
// is noticed as well.
func TestCreditOfAFewMessagesHasADeadline(t *testing.T) {
	w := newWorld(t, bare)
	stuck := make(chan struct{})
	h := w.handler(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*frame.Frame); ok {
			<-stuck
		}
	})
	p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: &Options{CreditTimeout: 200 * time.Millisecond}}))
	h.upgraded()
	p.send(numbered(2))
	p.closes(frame.InternalError)
	close(stuck)
	p.Close()
	assert.ErrorIs(w, h.untilClosed().Err, ErrNoCredit)
}

// The time for the peer's Close is time in which we read: a handler that is slow with what
// came before it does not make the peer late.
func TestThePeersCloseIsNotLateWhileItIsNotRead(t *testing.T) {
	sampled(t, func(w *world) {
		const messages = 80
		h := w.handler(slowly(5 * time.Millisecond))
		s := &Server{Server: quiet(w.upgrading(&UpgradeServer{FrameHandler: h.pid, Options: &Options{CloseTimeout: 200 * time.Millisecond, CreditFrames: 8}})), System: w.system}
		p := w.upgrade(w.run(s))
		h.upgraded()
		p.send(numbered(messages))
		p.send(masked(frame.Close(frame.GoingAway, ""))) // the answer, as early as can be
		until(func() bool { return h.frames() > 0 })
		ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
		defer cancel()
		require.NoError(w, s.Shutdown(ctx))
		p.Close()
		closed := h.untilClosed()
		assert.Equal(w, messages, h.frames())
		assert.NoError(w, closed.Err)
		assert.True(w, closed.Clean)
	})
}

// Shutdown returns when every Closed has been worked through.
func TestShutdownWaitsForTheLastWord(t *testing.T) {
	for _, spawn := range []bool{false, true} {
		t.Run(fmt.Sprint("spawned ", spawn), func(t *testing.T) {
			w := newWorld(t, bare)
			const conns = 20
			var worked atomic.Int32
			last := func(ctx actor.Context) {
				if _, ok := ctx.Message().(*Closed); ok {
					time.Sleep(10 * time.Millisecond)
					worked.Add(1)
				}
			}
			var u *UpgradeServer
			var h *handler
			if spawn {
				h = w.spawned(last)
				u = &UpgradeServer{Spawn: h.props}
			} else {
				h = w.handler(last)
				u = &UpgradeServer{FrameHandler: h.pid}
			}
			s := &Server{Server: quiet(w.upgrading(u)), System: w.system}
			addr := w.run(s)
			for range conns {
				p := w.upgrade(addr)
				h.upgraded()
				go func() {
					defer p.Close()
					for {
						f, err := readFrame(p.in)
						if err != nil {
							return
						}
						if f.Opcode == frame.OpClose {
							io.WriteString(p.Conn, masked(frame.Close(frame.GoingAway, "")))
						}
					}
				}()
			}
			ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
			defer cancel()
			require.NoError(w, s.Shutdown(ctx))
			assert.EqualValues(w, conns, worked.Load())
		})
	}
}

// A connection's place is taken until its handler has worked through its Closed: else
// what waits for a late handler is bounded by nothing.
func TestAPlaceIsFreeAfterTheLastWord(t *testing.T) {
	w := newWorld(t, bare)
	hold := make(chan struct{})
	h := w.handler(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*Closed); ok {
			<-hold
		}
	})
	s := &Server{Server: quiet(w.upgrading(&UpgradeServer{FrameHandler: h.pid})), System: w.system, MaxConns: 1}
	addr := w.run(s)
	p := w.upgrade(addr)
	h.upgraded()
	p.reset()
	h.untilClosed()
	q := w.dial(addr)
	q.send(handshake(addr))
	assert.Equal(w, 503, q.answer("GET").StatusCode)
	close(hold)
	require.True(w, until(func() bool {
		q := w.dial(addr)
		defer q.Close()
		q.send(handshake(addr))
		return q.answer("GET").StatusCode == 101
	}))
	h.untilClosed()
}

// A burst of one turn to a peer that reads is no proof of a slow peer, however long it is.
func TestABurstIsNoSlowConsumer(t *testing.T) {
	sampled(t, func(w *world) {
		const messages, size = 128, 64 << 10 // several times MaxOut
		h := w.handler(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*Upgraded); ok {
				for range messages {
					ctx.Respond(frame.Binary(make([]byte, size)))
				}
				ctx.Respond(frame.Close(frame.Normal, "all of it"))
			}
		})
		p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid}))
		for range messages {
			f := p.frame()
			require.Equal(w, frame.OpBinary, f.Opcode, "%q", f.Payload[:min(len(f.Payload), 60)])
			require.Len(w, f.Payload, size)
		}
		assert.Equal(w, "all of it", p.closes(frame.Normal))
		p.send(masked(frame.Close(frame.Normal, "")))
		p.eof()
	})
}

// A peer that has taken less than the limit for a while, when more than that waits, is slow:
// the error says whose output it was.
func TestASlowConsumerIsOneThatDoesNotTake(t *testing.T) {
	sampled(t, func(w *world) {
		h := w.handler()
		p, conn := w.nonReading(h, &Options{MaxOut: 64 << 10, SlowAfter: 300 * time.Millisecond, WriteStall: -1, CloseTimeout: 100 * time.Millisecond})
		began := time.Now()
		flood(w, conn)
		closed := h.untilClosed()
		assert.Greater(w, time.Since(began), 250*time.Millisecond)
		assert.Equal(w, frame.PolicyViolation, closed.Code)
		assert.ErrorIs(w, closed.Err, ErrSlowConsumer)
		p.Close()
	})
}

// What waits has a bound that counts at once.
func TestOutputHasAHardBound(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		p, conn := w.nonReading(h, &Options{MaxOut: 64 << 10, MaxBurst: 256 << 10, WriteStall: -1, CloseTimeout: 100 * time.Millisecond})
		flood(w, conn)
		closed := h.untilClosed()
		assert.ErrorIs(w, closed.Err, ErrSlowConsumer)
		p.Close()
	})
}

// Work that goes on after Receive has returned: the handler says when it wants no more.
func TestPauseAndResume(t *testing.T) {
	sampled(t, func(w *world) {
		h := w.handler()
		p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: &Options{CreditTimeout: 100 * time.Millisecond, PingInterval: 50 * time.Millisecond, PingTimeout: 50 * time.Millisecond}}))
		conn, _ := h.upgraded()
		w.system.Root.Send(conn, &Pause{})
		_, err := w.system.Root.RequestFuture(conn, &Flush{}, testTimeout).Result()
		require.NoError(w, err)
		p.send(numbered(10))
		time.Sleep(400 * time.Millisecond) // it is neither the peer's silence nor the handler's
		assert.Zero(w, h.frames())
		w.system.Root.Send(conn, &Resume{})
		for i := range 10 {
			h.text(fmt.Sprint("message ", i))
		}
		p.Close()
		h.untilClosed()
	})
}

// A Close of ours ends a pause: the peer's answer has to be read.
func TestACloseEndsAPause(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid}))
		conn, _ := h.upgraded()
		w.system.Root.Send(conn, &Pause{})
		w.system.Root.Send(conn, frame.Close(frame.Normal, ""))
		p.closes(frame.Normal)
		p.send(masked(frame.Close(frame.Normal, "")))
		p.eof()
		p.Close()
		assert.True(w, h.untilClosed().Clean)
	})
}

// A hub that panics and is restarted is told of its connections again.
func TestARestartedHandlerIsToldItsConnections(t *testing.T) {
	w := newWorld(t, bare)
	type boom struct{}
	var members atomic.Int32
	again := make(chan *Upgraded, 10)
	props := actor.PropsFromProducer(func() actor.Actor {
		members.Store(0)
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *Upgraded:
				members.Add(1)
				if m.Again {
					again <- m
				}
			case *Closed:
				members.Add(-1)
			case *boom:
				panic("boom")
			}
		})
	})
	pid := w.system.Root.Spawn(props)
	w.Cleanup(func() { w.system.Root.PoisonFuture(pid).Wait() })
	addr := w.websocket(&UpgradeServer{FrameHandler: pid})
	peers := []*peer{w.upgrade(addr), w.upgrade(addr), w.dialled(&UpgradeClient{FrameHandler: pid})}
	require.True(w, until(func() bool { return members.Load() == 3 }))
	w.system.Root.Send(pid, &boom{})
	for range 3 {
		select {
		case u := <-again:
			assert.Equal(w, "/chat", u.Request.URL.Path)
		case <-time.After(testTimeout):
			require.FailNow(w, "not announced again")
		}
	}
	assert.EqualValues(w, 3, members.Load())
	for _, p := range peers {
		p.Close()
	}
	require.True(w, until(func() bool { return members.Load() == 0 }))
}

// One that restarts again and again loses its connections, and is told so.
func TestAHandlerThatKeepsRestartingLosesItsConnections(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler(func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok && f.String() == "boom" {
			panic("boom")
		}
	})
	h.mortal = true
	p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid}))
	h.upgraded()
	go func() {
		for range 8 { // after ten proto.actor stops it
			io.WriteString(p.Conn, masked(frame.Text("boom")))
			time.Sleep(20 * time.Millisecond)
		}
	}()
	p.closes(frame.InternalError)
	p.Close()
	for {
		if c, ok := h.next().message.(*Closed); ok {
			assert.ErrorIs(t, c.Err, ErrHandlerPanicked)
			return
		}
	}
}
