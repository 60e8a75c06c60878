package sockets

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// streaming is a connection whose long messages can be read while they arrive.
func streaming() *Options { return &Options{StreamOver: 4 << 10, MaxMessage: -1, MaxFrame: -1} }

// fragments is a message of n pieces.
func inFragments(op frame.Opcode, n int, piece string) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(masked(frame.Fragment(op, i == n-1, []byte(piece))))
		op = frame.OpContinuation
	}
	return b.String()
}

// read is what a reader made of a message.
type read struct {
	payload string
	err     error
}

// reading reads a message in a goroutine.
func reading(r io.Reader) <-chan read {
	done := make(chan read, 1)
	go func() {
		p, err := io.ReadAll(r)
		done <- read{string(p), err}
	}()
	return done
}

func take[T any](w *world, c <-chan T) (v T) {
	w.Helper()
	select {
	case v = <-c:
	case <-time.After(testTimeout):
		require.FailNow(w, "nothing comes")
	}
	return v
}

// What is longer than StreamOver comes as a Message, in one frame or in many, and what is
// not comes whole; one behind the other, as it was sent. One piece of code serves both.
func TestMessageOrFrame(t *testing.T) {
	for _, compression := range []*pipeline.Compression{nil, {}} {
		sampled(t, func(w *world) {
			const over = 4 << 10
			o := streaming()
			o.Compression = compression
			type got struct {
				long bool
				op   frame.Opcode
				sum  [32]byte
			}
			all := make(chan (<-chan got), 100)
			h := w.handler(func(ctx actor.Context) {
				m, ok := IncomingOf(ctx.Message())
				if !ok {
					return
				}
				_, long := ctx.Message().(*Message)
				r, one := m.Reader(), make(chan got, 1)
				all <- one
				go func() {
					p, err := io.ReadAll(r)
					assert.NoError(w, err)
					one <- got{long, m.Op(), sha256.Sum256(p)}
				}()
			})
			addr := w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: o})
			c := w.open(addr, &Options{Compression: compression})
			ctx := w.within()
			for _, size := range []int{0, 10, over, over + 1, 10 * over, 1 << 20, 7, 300_000} {
				text := strings.Repeat("0123456789", size/10+1)[:size]
				for _, whole := range []bool{true, false} {
					if whole {
						require.NoError(w, c.SendText(ctx, text))
					} else {
						out, err := c.Writer(ctx, frame.OpText)
						require.NoError(w, err)
						for p := text; len(p) > 0; {
							n := min(len(p), 1000)
							_, err = io.WriteString(out, p[:n])
							require.NoError(w, err)
							p = p[n:]
						}
						require.NoError(w, out.Close())
					}
					g := take(w, take(w, all))
					assert.Equal(w, got{size > over, frame.OpText, sha256.Sum256([]byte(text))}, g, "%d bytes", size)
				}
			}
			require.NoError(w, c.Close(frame.Normal, ""))
		})
	}
}

// A Message that the handler leaves alone is discarded, and so is one that is told to be:
// neither keeps the connection from what follows, and a late reader is told why.
func TestMessageNobodyReads(t *testing.T) {
	everywhere(t, func(w *world) {
		var late, told *Message
		h := w.spawned(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *Message:
				if late == nil {
					late = m
				} else {
					told = m.Keep()
					m.Discard()
				}
			case *frame.Frame:
				_, err := late.Reader().Read(make([]byte, 1))
				assert.ErrorIs(w, err, ErrDiscarded)
				_, err = told.Collect(context.Background(), 0)
				assert.ErrorIs(w, err, ErrDiscarded)
				ctx.Respond(m)
			}
		})
		p := w.upgrade(w.websocket(&UpgradeServer{Spawn: h.props, Options: streaming()}))
		go p.send(inFragments(frame.OpBinary, 300, strings.Repeat("x", 4000)), inFragments(frame.OpBinary, 300, strings.Repeat("y", 4000)), masked(frame.Text("next")))
		assert.Equal(w, "next", p.frame().String())
		p.Close()
	})
}

// Who reads slowly slows the peer down: what waits for the reader is bounded. It is no
// time of the peer's, whose Pings are answered when they are read.
func TestMessageSlowsItsPeer(t *testing.T) {
	sampled(t, func(w *world) {
		messages := make(chan *Message, 1)
		h := w.spawned(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*Message); ok {
				messages <- m.Keep()
			}
		})
		o := streaming()
		o.MessageTime, o.PingInterval, o.PingTimeout = time.Second, 50*time.Millisecond, 50*time.Millisecond
		p := w.upgrade(w.websocket(&UpgradeServer{Spawn: h.props, Options: o}))
		p.tcp.SetWriteBuffer(16 << 10)
		const pieces, size = 300, 16 << 10 // more than the kernel takes, and quickly read
		sent := make(chan int, pieces)
		go func() {
			op := frame.OpBinary
			for i := range pieces {
				p.send(masked(frame.Fragment(op, i == pieces-1, make([]byte, size))))
				op = frame.OpContinuation
				sent <- i
			}
			close(sent)
		}()
		m := take(w, messages)
		time.Sleep(1200 * time.Millisecond)
		m.inbox.mu.Lock()
		waits := m.inbox.unread
		m.inbox.mu.Unlock()
		assert.LessOrEqual(w, waits, defaultCreditBytes+64<<10, "and what one read brought")
		assert.Less(w, len(sent), pieces, "its peer is slowed down")
		n, err := io.Copy(io.Discard, m.Reader())
		assert.NoError(w, err)
		assert.EqualValues(w, pieces*size, n)
		for range sent {
		}
		p.Close()
	})
}

// The peer ends in the middle, in each way there is: the reader is told, and why, at once,
// although it waits in the handler's own turn.
func TestMessageIsNotFinished(t *testing.T) {
	bad := frame.Fragment(frame.OpContinuation, false, []byte("\xff\xfe"))
	for name, test := range map[string]struct {
		end  func(p *peer)
		want func(w *world, err error)
	}{
		"close": {func(p *peer) { p.send(masked(frame.Close(4000, "bye"))) }, nil},
		"half":  {func(p *peer) { p.half() }, nil},
		"reset": {func(p *peer) { p.reset() }, nil},
		"wrong": {func(p *peer) { p.send(masked(bad)) }, func(w *world, err error) {
			var mistake *frame.Error
			require.ErrorAs(w, err, &mistake)
			assert.Equal(w, frame.InvalidPayload, mistake.Code)
		}},
	} {
		for _, own := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				sampled(t, func(w *world) {
					began, done := make(chan bool, 1), make(chan read, 1)
					h := w.spawned(func(ctx actor.Context) {
						m, ok := ctx.Message().(*Message)
						if !ok {
							return
						}
						r := m.Reader()
						f := func() {
							began <- true
							p, err := io.ReadAll(r)
							done <- read{string(p), err}
						}
						if own {
							f()
						} else {
							go f()
						}
					})
					p := w.upgrade(w.websocket(&UpgradeServer{Spawn: h.props, Options: streaming()}))
					p.send(masked(frame.Fragment(frame.OpText, false, []byte(strings.Repeat("x", 5000)))))
					take(w, began)
					start := time.Now()
					test.end(p)
					got := take(w, done)
					assert.Less(w, time.Since(start), 4*time.Second, "not after the close time")
					var unfinished *UnfinishedError
					require.ErrorAs(w, got.err, &unfinished)
					assert.ErrorIs(w, got.err, io.ErrUnexpectedEOF)
					assert.Len(w, got.payload, 5000)
					if test.want != nil {
						test.want(w, got.err)
					}
				})
			})
		}
	}
}

// The handler closes while a Message comes in: what the peer sends before its Close can still
// be read, and the reader is told at once that there will be no more.
func TestCloseWhileMessageIsOpen(t *testing.T) {
	everywhere(t, func(w *world) {
		done := make(chan (<-chan read), 1)
		h := w.spawned(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*Message); ok {
				done <- reading(m.Reader())
				ctx.Respond(frame.Close(4001, "enough"))
			}
		})
		p := w.upgrade(w.websocket(&UpgradeServer{Spawn: h.props, Options: streaming()}))
		p.send(masked(frame.Fragment(frame.OpBinary, false, make([]byte, 5000))))
		p.closes(4001)
		p.send(masked(frame.Fragment(frame.OpContinuation, false, make([]byte, 5000))), masked(frame.Close(4001, "")))
		start := time.Now()
		got := take(w, take(w, done))
		assert.Less(w, time.Since(start), 4*time.Second)
		assert.Len(w, got.payload, 10_000)
		assert.ErrorIs(w, got.err, io.ErrUnexpectedEOF)
		p.eof()
	})
}

// Two Messages behind each other are read at the same time, in any order, by different
// goroutines; what waits of both is bounded together.
func TestMessagesBehindEachOther(t *testing.T) {
	everywhere(t, func(w *world) {
		messages := make(chan *Message, 2)
		h := w.handler(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*Message); ok {
				messages <- m.Keep()
			}
		})
		p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: streaming()}))
		p.send(inFragments(frame.OpText, 4, strings.Repeat("a", 5000)), inFragments(frame.OpBinary, 100, strings.Repeat("b", 5000)))
		first, second := take(w, messages), take(w, messages)
		assert.Equal(w, frame.OpText, first.Op())
		b := reading(second.Reader())
		f, err := first.Collect(w.within(), 0)
		require.NoError(w, err)
		assert.Equal(w, strings.Repeat("a", 20_000), f.String())
		got := take(w, b)
		require.NoError(w, got.err)
		assert.Len(w, got.payload, 500_000)
		p.Close()
	})
}

// Collect is bounded in size and in time; what it leaves is discarded.
func TestCollect(t *testing.T) {
	everywhere(t, func(w *world) {
		results := make(chan error, 1)
		h := w.spawned(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *Message:
				brief, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
				defer cancel()
				_, err := m.Collect(brief, 10_000)
				results <- err
				_, err = m.Reader().Read(make([]byte, 1))
				assert.ErrorIs(w, err, ErrDiscarded)
			case *frame.Frame:
				in, ok := IncomingOf(m)
				assert.True(w, ok)
				_, err := in.Collect(context.Background(), 2)
				results <- err
				whole, err := in.Collect(context.Background(), 4)
				assert.NoError(w, err)
				ctx.Respond(whole)
			}
		})
		p := w.upgrade(w.websocket(&UpgradeServer{Spawn: h.props, Options: streaming()}))
		var tooBig *frame.Error
		p.send(inFragments(frame.OpBinary, 3, strings.Repeat("x", 5000)))
		require.ErrorAs(w, take(w, results), &tooBig)
		assert.Equal(w, frame.TooBig, tooBig.Code)
		p.send(masked(frame.Fragment(frame.OpText, false, []byte(strings.Repeat("x", 5000)))))
		require.ErrorIs(w, take(w, results), context.DeadlineExceeded)
		p.send(masked(frame.Fragment(frame.OpContinuation, true, nil)), masked(frame.Text("four")))
		require.ErrorAs(w, take(w, results), &tooBig)
		assert.Equal(w, "four", p.frame().String())
		p.Close()
	})
}

// MaxMessage bounds a Message too, by what its header declares or when it is passed.
func TestMessageIsBounded(t *testing.T) {
	o := streaming()
	o.MaxMessage = 100_000
	w := newWorld(t, bare)
	done := make(chan (<-chan read), 1)
	h := w.spawned(func(ctx actor.Context) {
		if m, ok := ctx.Message().(*Message); ok {
			done <- reading(m.Reader())
		}
	})
	p := w.upgrade(w.websocket(&UpgradeServer{Spawn: h.props, Options: o}))
	p.send(inFragments(frame.OpBinary, 11, strings.Repeat("x", 10_000)))
	got := take(w, take(w, done))
	var mistake *frame.Error
	require.ErrorAs(w, got.err, &mistake)
	assert.Equal(w, frame.TooBig, mistake.Code)
	p.closes(frame.TooBig)
}

// A Message that was kept and is never read stops the connection for CreditTimeout, and then
// ends it. One that is read, however slowly, or whose reader waits for the peer, does not.
func TestMessageKeptAndForgotten(t *testing.T) {
	sampled(t, func(w *world) {
		o := streaming()
		o.CreditTimeout, o.CloseTimeout = 300*time.Millisecond, 200*time.Millisecond
		kept := make(chan *Message, 1)
		h := w.spawned(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *Message:
				if m.Op() == frame.OpBinary {
					kept <- m.Keep()
					return
				}
				f, err := m.Collect(context.Background(), 0) // waits for the peer, in our turn
				if assert.NoError(w, err) {
					ctx.Respond(f)
				}
			}
		})
		p := w.upgrade(w.websocket(&UpgradeServer{Spawn: h.props, Options: o}))
		p.send(masked(frame.Fragment(frame.OpText, false, []byte(strings.Repeat("x", 5000)))))
		time.Sleep(2 * o.CreditTimeout)
		p.send(masked(frame.Fragment(frame.OpContinuation, true, nil)))
		assert.Len(w, p.frame().Payload, 5000)

		go io.WriteString(p.Conn, inFragments(frame.OpBinary, 100, strings.Repeat("x", 10_000)))
		m := take(w, kept)
		for range 3 { // a part of the window only
			time.Sleep(200 * time.Millisecond)
			_, err := io.ReadFull(m.Reader(), make([]byte, 100))
			require.NoError(w, err)
		}
		h.upgraded()
		expect[*Message](h)
		expect[*Message](h)
		assert.ErrorIs(w, expect[*Closed](h).Err, ErrNoCredit)
		_, err := io.ReadAll(m.Reader())
		assert.ErrorIs(w, err, io.ErrUnexpectedEOF)
	})
}

// A handler that dies leaves nobody waiting, and nothing is kept for it.
func TestMessageOfAHandlerThatDied(t *testing.T) {
	everywhere(t, func(w *world) {
		done := make(chan (<-chan read), 1)
		h := w.spawned(func(ctx actor.Context) {
			if m, ok := ctx.Message().(*Message); ok {
				done <- reading(m.Reader())
				panic("on purpose")
			}
		})
		h.mortal = true
		p := w.upgrade(w.websocket(&UpgradeServer{Spawn: h.props, Options: streaming()}))
		go io.WriteString(p.Conn, inFragments(frame.OpBinary, 1000, strings.Repeat("x", 10_000))[:5_000_000])
		start := time.Now()
		got := take(w, take(w, done))
		assert.Less(w, time.Since(start), 4*time.Second, "not after the close time")
		p.Close()
		assert.ErrorIs(w, got.err, io.ErrUnexpectedEOF)
	})
}

// Stages may change in the middle of a Message.
func TestSetStagesInsideMessage(t *testing.T) {
	w := newWorld(t, bare)
	done := make(chan (<-chan read), 1)
	h := w.spawned(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *Message:
			done <- reading(m.Reader())
			ctx.Respond(&SetStages{Stages: []pipeline.Stage{func(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) { return up, down }}})
			ctx.Respond(frame.Text("changed"))
		}
	})
	p := w.upgrade(w.websocket(&UpgradeServer{Spawn: h.props, Options: streaming()}))
	p.send(masked(frame.Fragment(frame.OpBinary, false, make([]byte, 5000))))
	assert.Equal(w, "changed", p.frame().String())
	p.send(masked(frame.Fragment(frame.OpContinuation, true, make([]byte, 5000))))
	got := take(w, take(w, done))
	assert.NoError(w, got.err)
	assert.Len(w, got.payload, 10_000)
	p.Close()
}

// A Conn reads long messages in pieces, and short ones are one frame.
func TestConnStreamsOver(t *testing.T) {
	everywhere(t, func(w *world) {
		terms := streaming()
		addr := w.session(terms, func(ctx context.Context, c *Conn) error {
			for {
				_, r, err := c.Reader(ctx)
				if err != nil {
					return err
				}
				p, err := io.ReadAll(r)
				if err != nil {
					return err
				}
				if err := c.SendBinary(ctx, p); err != nil {
					return err
				}
			}
		})
		c := w.open(addr, terms)
		for _, size := range []int{1, 4 << 10, 5000, 300_000} {
			require.NoError(w, c.SendBinary(w.within(), make([]byte, size)))
			p, err := c.ReceiveBinary(w.within())
			require.NoError(w, err)
			assert.Len(w, p, size)
		}
		require.NoError(w, c.Close(frame.Normal, ""))
	})
}

// One frame of 300 MB goes through a Message in flat memory.
func TestMessageInFlatMemory(t *testing.T) {
	size := int64(300 << 20)
	if racing || testing.Short() {
		size = 30 << 20
	}
	for _, s := range []setting{{name: "poller"}, {name: "portable,TLS", portable: true, tls: true}} {
		t.Run(s.name, func(t *testing.T) {
			w := newWorld(t, s)
			type sum struct {
				n   int64
				err error
			}
			done := make(chan sum, 1)
			h := w.spawned(func(ctx actor.Context) {
				if m, ok := ctx.Message().(*Message); ok {
					r := m.Reader()
					go func() {
						n, err := io.Copy(io.Discard, r)
						done <- sum{n, err}
					}()
				}
			})
			p := w.upgrade(w.websocket(&UpgradeServer{Spawn: h.props, Options: streaming()}))
			p.SetDeadline(time.Now().Add(4 * testTimeout))
			before, most := heap(), 0
			head := binary.BigEndian.AppendUint64([]byte{0x82, 0xff}, uint64(size))
			p.send(string(append(head, 0, 0, 0, 0)))
			piece := bytes.Repeat([]byte("x"), 256<<10)
			for n := int64(0); n < size; n += int64(len(piece)) {
				_, err := p.Conn.Write(piece)
				require.NoError(w, err)
				if n%(8<<20) == 0 {
					most = max(most, heap()) // without garbage: how much of that there is depends on the tests before
				}
			}
			got := take(w, done)
			require.NoError(w, got.err)
			assert.Equal(w, size, got.n)
			assert.Less(w, most-before, 24<<20)
			p.Close()
		})
	}
}

// An error of a Message says what it is.
func TestUnfinishedError(t *testing.T) {
	assert.EqualError(t, &UnfinishedError{}, "sockets: message was not finished")
	e := &UnfinishedError{&CloseError{Closed{Code: frame.GoingAway, By: Peer}}}
	assert.EqualError(t, e, "sockets: message was not finished: sockets: connection closed by peer with 1001")
	var end *CloseError
	assert.True(t, errors.As(e, &end) && errors.Is(e, io.ErrUnexpectedEOF))
}
