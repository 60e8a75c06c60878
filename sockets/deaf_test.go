package sockets

import (
	"context"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a deaf peer costs: the output that may wait, and what a connection is
// besides: its actor, its stages, both ends' net.Conn and the story that this test
// remembers. A buffer that grows has a quarter of its size to spare.
const (
	deafOut      = 16 << 10
	deafOverhead = 8<<10 + deafOut/4
	deafPortable = 32 << 10 // both goroutines, the reader's buffer, a second buffer to write from
	deafMessages = 96       // 1 KiB each: more than the limit and what the kernel takes
	deafBuffers  = 4 << 10
)

// Thousands of peers that never read, and a handler that does not care: each
// connection is told Backpressure, then its policy; all of them together hold what
// their limits say; and when the peers have gone nothing is left.
func TestDeafPeersOfThousands(t *testing.T) {
	peers := min(10_000, descriptorLimit()/2-200) // both ends are here
	if racing || testing.Short() {
		peers = min(peers, 1000)
	}
	for _, portable := range []bool{false, true} {
		if portable { // a tenth shows it as well
			peers = min(peers, 1000)
		}
		for name, policy := range map[string]Policy{"close": CloseSlow, "newest": DropNewest, "oldest": DropOldest} {
			t.Run(setting{portable: portable}.kind()+","+name, func(t *testing.T) {
				deafen(newWorld(t, setting{portable: portable}), policy, peers)
			})
		}
	}
}

func (s setting) kind() string {
	if s.portable {
		return "portable"
	}
	return "poller"
}

func deafen(w *world, policy Policy, peers int) {
	h := w.handler()
	terms := w.terms(&UpgradeServer{FrameHandler: h.pid, Options: &Options{
		MaxOut: deafOut, MaxBurst: deafOut, HighWater: deafOut / 4, LowWater: deafOut / 8, WhenFull: policy,
		WriteStall: -1, CloseTimeout: -1, PingInterval: -1, // nothing happens before it is looked at
	}})
	s := &Server{Server: quiet(w.upgrading(terms)), System: w.system}
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		c.(*net.TCPConn).SetWriteBuffer(deafBuffers)
		return ctx
	}
	addr := w.run(s)
	held := heap()
	dialer := &net.Dialer{Control: smallWindow}
	deaf := make([]*net.TCPConn, peers)
	conns := make([]*actor.PID, peers)
	hello := []byte(handshake(addr))
	answer := make([]byte, len(switched()))
	for i := range deaf {
		nc, err := dialer.Dial("tcp", addr)
		require.NoError(w, err)
		deaf[i] = nc.(*net.TCPConn)
		defer deaf[i].Close()
		deaf[i].SetLinger(0) // no port is to wait for anything
		_, err = nc.Write(hello)
		require.NoError(w, err)
		_, err = io.ReadFull(nc, answer)
		require.NoError(w, err)
		conn, u := h.upgraded()
		conns[i], u.Request = conn, nil // which is large
	}
	idle := heap() - held
	for range deafMessages {
		for _, conn := range conns {
			f := frame.New(frame.OpBinary, 1<<10)
			f.Payload = append(f.Payload, make([]byte, 1<<10)...)
			w.system.Root.Send(conn, f)
		}
	}
	for _, conn := range conns {
		_, err := w.system.Root.RequestFuture(conn, &actor.Touch{}, patience).Result()
		require.NoError(w, err)
	}
	held = heap() - held
	w.Logf("%d peers hold %d bytes each, %d when nothing waits", peers, held/peers, idle/peers)
	most := deafOut + deafOverhead
	if w.portable {
		most += deafPortable
	}
	assert.Less(w, held, peers*most)
	assert.Greater(w, held, peers*deafOut/2, "there is nothing to be limited")

	for i, nc := range deaf {
		if policy == CloseSlow && i%1000 == 0 { // a small window takes its time
			assert.Equal(w, frame.PolicyViolation, lastWords(w, nc))
		}
		nc.Close()
	}
	require.True(w, until(func() bool { return s.Connections() == 0 }), "%d connections are left", s.Connections())
	w.system.Root.PoisonFuture(h.pid).Wait() // it has worked through all of it
	for from, story := range h.stories() {
		pressed, lost := 0, Dropped{}
		for _, m := range story {
			switch m := m.(type) {
			case *Backpressure:
				pressed++
			case *Dropped:
				assert.Positive(w, pressed, "Dropped before Backpressure: %s", from)
				lost.Messages += m.Messages
				lost.Bytes += m.Bytes
			case *Closed:
				if policy == CloseSlow {
					assert.Equal(w, frame.PolicyViolation, m.Code)
					assert.Equal(w, Local, m.By)
				}
			}
		}
		assert.Positive(w, pressed, "Backpressure of %s", from)
		if policy != CloseSlow {
			assert.Positive(w, lost.Messages, from)
			assert.Less(w, lost.Messages, deafMessages)
		}
		assert.Equal(w, lost.Messages<<10, lost.Bytes)
	}
}

// lastWords reads whole messages until a Close, and returns its code.
func lastWords(w *world, nc net.Conn) frame.Code {
	nc.SetReadDeadline(time.Now().Add(patience))
	for {
		f, err := readFrame(nc)
		require.NoError(w, err)
		if f.Opcode == frame.OpClose {
			code, _ := f.CloseStatus()
			return code
		}
		require.Len(w, f.Payload, 1<<10)
	}
}

// heap is what memory is in use.
func heap() int {
	runtime.GC()
	runtime.GC() // what pools keep goes with the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}
