package sockets

import (
	"bytes"
	"encoding/binary"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A flood is more than the kernel holds for a peer that does not read.
const (
	floods    = 600
	floodSize = 16 << 10
)

// flood is what a handler sends: numbered messages, every other one handed over.
func flood(w *world, conn *actor.PID) {
	for i := range floods {
		f := frame.New(frame.OpBinary, floodSize)
		f.Payload = append(f.Payload, make([]byte, floodSize)...)
		binary.BigEndian.PutUint32(f.Payload, uint32(i))
		if i%2 == 0 {
			f.Handover()
		}
		w.system.Root.Send(conn, f)
	}
}

// nonReading opens a WebSocket as a client that does not read for now.
func (w *world) nonReading(h *handler, o *Options) (*peer, *actor.PID) {
	p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: w.terms(&UpgradeServer{Options: o}).Options}))
	require.NoError(w, p.tcp.SetReadBuffer(256<<10)) // or the kernel holds ever more
	conn, _ := h.upgraded()
	return p, conn
}

// account is what a peer has read at last.
type account struct {
	numbers []int    // of the flood's messages
	pongs   []string // payloads
	last    *frame.Frame
}

// readAll reads until a Close, or the end of all things.
func (p *peer) readAll() (a account) {
	for {
		f, err := readFrame(p.in)
		if !assert.NoError(p, err) {
			return a
		}
		switch f.Opcode {
		case frame.OpBinary:
			if !assert.Len(p, f.Payload, floodSize) || !assert.Zero(p, bytes.Trim(f.Payload[4:], "\x00"), "payload was written over") {
				return a
			}
			a.numbers = append(a.numbers, int(binary.BigEndian.Uint32(f.Payload)))
		case frame.OpPong:
			a.pongs = append(a.pongs, f.String())
		default:
			a.last = f
			return a
		}
	}
}

// pinged waits for a Ping, and sums up what was dropped before.
func (h *handler) pinged(payload string, lost Dropped) Dropped {
	h.Helper()
	for {
		switch m := h.next().message.(type) {
		case *Dropped:
			lost.Messages += m.Messages
			lost.Bytes += m.Bytes
		case *frame.Frame:
			if m.Opcode == frame.OpPing && m.String() == payload {
				return lost
			}
		}
	}
}

// until waits for the end, and sums up what was dropped.
func (h *handler) until(lost Dropped) (Dropped, *Closed) {
	h.Helper()
	for {
		switch m := h.next().message.(type) {
		case *Dropped:
			lost.Messages += m.Messages
			lost.Bytes += m.Bytes
		case *Closed:
			return lost, m
		case *Backpressure, *Drained:
		default:
			require.FailNow(h, "unexpected", "%T", m)
		}
	}
}

// Each policy, for a peer that begins to read when messages have been dropped. Its
// Pings are answered, and a Close that is hasty comes behind all that waits.
func TestWhenFull(t *testing.T) {
	sampled(t, func(w *world) {
		for _, tt := range []struct {
			name   string
			policy Policy
			hasty  bool
		}{
			{"newest", DropNewest, false},
			{"oldest", DropOldest, false},
			{"newest, closed in between", DropNewest, true},
			{"oldest, closed in between", DropOldest, true},
		} {
			w.in(tt.name, func(w *world) {
				h := w.handler()
				p, conn := w.nonReading(h, &Options{WhenFull: tt.policy, MaxOut: 512 << 10, ShowControl: true})
				flood(w, conn)
				expect[*Backpressure](h)
				first := expect[*Dropped](h)
				assert.Equal(w, Dropped{Messages: 1, Bytes: floodSize}, *first, "the first one is told at once")

				lost := *first
				if !tt.hasty {
					p.send(masked(frame.Ping([]byte("first"))), masked(frame.Ping([]byte("last"))))
					lost = h.pinged("last", lost)
				}
				flushed := w.system.Root.RequestFuture(conn, &Flush{}, testTimeout)
				leave := func() { w.system.Root.Send(conn, frame.Close(frame.Normal, "enough")) }
				if tt.hasty {
					leave()
				}
				read := make(chan account, 1)
				go func() { read <- p.readAll() }()
				result, err := flushed.Result()
				require.NoError(w, err)
				assert.Equal(w, &Flushed{}, result)
				if !tt.hasty {
					leave()
				}
				got := <-read
				require.NotNil(w, got.last)
				require.Equal(w, frame.OpClose, got.last.Opcode)
				p.send(masked(frame.Close(frame.Normal, "")))
				p.eof()
				p.Close()

				lost, end := h.until(lost)
				assert.Equal(w, floods-len(got.numbers), lost.Messages)
				assert.Equal(w, lost.Messages*floodSize, lost.Bytes)
				require.NotEmpty(w, got.numbers)
				assert.IsIncreasing(w, got.numbers)
				assert.Zero(w, got.numbers[0], "what had begun to go out")
				if tt.policy == DropOldest {
					assert.Equal(w, floods-1, got.numbers[len(got.numbers)-1], "the newest stay")
				}
				if !tt.hasty {
					require.NotEmpty(w, got.pongs)
					assert.Equal(w, "last", got.pongs[len(got.pongs)-1], "the latest Ping is owed an answer")
				}
				assert.True(w, end.Clean, "%+v", end)
				assert.Equal(w, Local, end.By)
			})
		}
	})
}

// A peer that goes away, or is cut: the messages that waited are counted, too.
func TestWhenFullAtTheEnd(t *testing.T) {
	w := newWorld(t, bare)
	for _, policy := range []Policy{DropNewest, DropOldest} {
		h := w.handler()
		p, conn := w.nonReading(h, &Options{WhenFull: policy, MaxOut: 512 << 10})
		flood(w, conn)
		expect[*Backpressure](h)
		first := expect[*Dropped](h)
		// The connection has worked through the flood: what it has not seen when it
		// ends was never dropped.
		_, err := w.system.Root.RequestFuture(conn, &actor.Touch{}, testTimeout).Result()
		require.NoError(t, err)
		flushed := w.system.Root.RequestFuture(conn, &Flush{}, testTimeout)
		p.reset()
		_, err = flushed.Result()
		require.NoError(t, err)
		lost, _ := h.until(*first)
		assert.Greater(t, lost.Messages, floods-(6<<20)/floodSize, "the kernel holds 4 MiB or a little more")
		assert.Equal(t, lost.Messages*floodSize, lost.Bytes)
	}
}

// Without a policy a slow peer is closed with 1008, which stands behind whole messages.
func TestCloseSlow(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		p, conn := w.nonReading(h, &Options{MaxOut: 512 << 10, MaxBurst: 512 << 10})
		passed, all := 0, make(chan struct{})
		w.system.Root.Send(conn, &SetStages{[]pipeline.Stage{pipeline.Tap(nil, func(item any) {
			if f, ok := item.(*frame.Frame); ok && f.Opcode == frame.OpBinary {
				if passed++; passed == floods {
					close(all)
				}
			}
		})}})
		flood(w, conn)
		expect[*Backpressure](h)
		<-all // before the peer reads
		got := p.readAll()
		require.NotNil(w, got.last)
		code, reason := got.last.CloseStatus()
		assert.Equal(w, frame.PolicyViolation, code)
		assert.Equal(w, "slow consumer", reason)
		assert.Less(w, len(got.numbers), floods)
		for i, n := range got.numbers {
			require.Equal(w, i, n, "none is missing before the end")
		}
		p.Close()
		_, end := h.until(Dropped{})
		assert.Equal(w, frame.PolicyViolation, end.Code)
		assert.Equal(w, Local, end.By)
	})
}

// SetOptions changes the limit of a policy, and not the policy.
func TestSetOptionsWhenFull(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	p, conn := w.nonReading(h, &Options{WhenFull: DropOldest})
	w.system.Root.Send(conn, &SetOptions{MaxOut: 64 << 10, HighWater: 1 << 10})
	flood(w, conn)
	w.system.Root.Send(conn, frame.Close(frame.Normal, ""))
	got := p.readAll()
	require.NotNil(t, got.last)
	code, _ := got.last.CloseStatus()
	assert.Equal(t, frame.Normal, code)
	assert.Equal(t, floods-1, got.numbers[len(got.numbers)-1])
	p.send(masked(frame.Close(frame.Normal, "")))
	p.eof()
	p.Close()
	lost, _ := h.until(Dropped{})
	assert.Equal(t, floods-len(got.numbers), lost.Messages)
}

// A handler that wants no Backpressure gets none, and its messages all the same.
func TestWhenFullWithoutMarks(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	p, conn := w.nonReading(h, &Options{WhenFull: DropNewest, MaxOut: -1, HighWater: -1, LowWater: -1})
	flood(w, conn)
	w.system.Root.Send(conn, frame.Close(frame.Normal, ""))
	got := p.readAll()
	assert.Len(t, got.numbers, floods)
	p.send(masked(frame.Close(frame.Normal, "")))
	p.eof()
	p.Close()
	expect[*Closed](h)
}

// A memory budget is of all connections that share it.
func TestBudget(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		const part, few = 10_000, 3
		budget := &pipeline.Budget{Max: few * 5 * part}
		holds := func(parts int64) bool { // they may have come in any pieces
			return budget.Used() >= parts*part && budget.Used() < parts*5*part
		}
		u := &UpgradeServer{FrameHandler: h.pid, Options: &Options{Budget: budget}}
		addr := w.websocket(u)
		var peers []*peer
		for i := range few {
			p := w.upgrade(addr)
			h.upgraded()
			p.send(masked(frame.Fragment(frame.OpBinary, false, make([]byte, part))))
			require.Eventually(w, func() bool { return holds(int64(i + 1)) }, testTimeout, time.Millisecond)
			peers = append(peers, p)
		}
		late := w.upgrade(addr)
		h.upgraded()
		late.send(masked(frame.Text("a whole one")))
		h.text("a whole one")
		late.send(masked(frame.Fragment(frame.OpBinary, false, make([]byte, budget.Max))))
		late.closes(frame.TryAgainLater)
		late.eof()
		late.Close()
		assert.Equal(w, frame.TryAgainLater, expect[*Closed](h).Code)

		peers[0].send(masked(frame.Fragment(frame.OpContinuation, true, nil)))
		assert.Len(w, expect[*frame.Frame](h).Payload, part)
		assert.True(w, holds(few-1), "%d bytes", budget.Used())
		for _, p := range peers {
			p.Close()
			expect[*Closed](h)
		}
		assert.Zero(w, budget.Used())
	})
}

// Output that its peer does not take counts against the budget.
func TestBudgetOfOutput(t *testing.T) {
	sampled(t, func(w *world) {
		h := w.handler()
		budget := &pipeline.Budget{Max: 256 << 10}
		p, conn := w.nonReading(h, &Options{MaxOut: 64 << 20, Budget: budget, CloseTimeout: 100 * time.Millisecond})
		go func() {
			for range 400 {
				w.system.Root.Send(conn, frame.Binary(make([]byte, 64<<10)))
				time.Sleep(time.Millisecond) // turn by turn
			}
		}()
		assert.Equal(w, frame.TryAgainLater, h.untilClosed().Code)
		p.Close()
		assert.Zero(w, budget.Used())
	})
}

// Compressed messages begun and left hold coders, which count: most who begin one end.
func TestBudgetOfCoders(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler()
		budget := &pipeline.Budget{Max: 64 << 10}
		addr := w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: &Options{Budget: budget, Compression: new(pipeline.Compression)}})
		begun := frame.Fragment(frame.OpText, false, []byte("\xf2\x48\xcd\xc9\xc9\x07"))
		begun.RSV = frame.RSV1
		const many = 50
		var peers []*peer
		for range many {
			p := w.dial(addr)
			p.send(handshake(addr, "Sec-WebSocket-Extensions: permessage-deflate"))
			p.answer("GET")
			p.send(masked(begun), masked(frame.Ping(nil)))
			peers = append(peers, p)
		}
		ended := 0
		for _, p := range peers {
			if f := p.frame(); f.Opcode == frame.OpClose {
				code, _ := f.CloseStatus()
				require.Equal(w, frame.TryAgainLater, code)
				ended++
			}
		}
		assert.Greater(w, ended, many*2/3)
		assert.LessOrEqual(w, budget.Used(), budget.Max)
		for _, p := range peers {
			p.Close()
		}
		for range many {
			h.untilClosed()
		}
		assert.Zero(w, budget.Used())
	})
}

// A client that sends on and on before it reads has its echoes all the same: when
// half of what may wait for it does, it is not read either.
func TestEchoToAClientThatReadsLate(t *testing.T) {
	sampled(t, func(w *world) {
		const size, many, most = 32 << 10, 400, 128 << 10
		h := w.handler(echo)
		p, _ := w.nonReading(h, &Options{MaxOut: most})
		var written atomic.Int64
		go func() {
			for i := range many {
				f := frame.Binary(make([]byte, size))
				binary.BigEndian.PutUint32(f.Payload, uint32(i))
				if _, err := io.WriteString(p.Conn, masked(f)); err != nil {
					return
				}
				written.Add(1)
			}
		}()
		for last := int64(-1); last < written.Load(); time.Sleep(50 * time.Millisecond) { // or it is all written
			last = written.Load()
		}
		for i := range many {
			f, err := readFrame(p.in)
			require.NoError(w, err)
			require.Equal(w, frame.OpBinary, f.Opcode, "after %d: %s", i, f)
			require.EqualValues(w, i, binary.BigEndian.Uint32(f.Payload))
		}
		p.Close()
		h.untilClosed()
	})
}
