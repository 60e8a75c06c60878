package sockets

import (
	"context"
	"io"
	"math"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What a peer that does not read costs: the output that may wait, and what a connection is
// besides: its actor, its stages, both ends' net.Conn and what the handler of this test
// remembers. A buffer that grows has a quarter of its size to spare.
const (
	nonReadingOut      = 16 << 10
	nonReadingOverhead = 8<<10 + nonReadingOut/4
	nonReadingPortable = 32 << 10 // both goroutines, the reader's buffer, a second buffer to write from
	nonReadingMessages = 96       // 1 KiB each: more than the limit and what the kernel takes
	nonReadingBuffers  = 4 << 10
)

// Thousands of peers that never read, and a handler that does not care: each
// connection is told Backpressure, then its policy; all of them together hold what
// their limits say; and when the peers have gone nothing is left.
func TestThousandsOfNonReadingPeers(t *testing.T) {
	peers := min(10_000, descriptorLimit()/2-200) // both ends are here
	switch {
	case testing.Short():
		peers = min(peers, 150)
	case racing:
		peers = min(peers, 1000)
	}
	for _, portable := range []bool{false, true} {
		if portable { // a tenth shows it as well
			peers = min(peers, 1000)
		}
		for name, policy := range map[string]Policy{"close": CloseSlow, "newest": DropNewest, "oldest": DropOldest} {
			t.Run(setting{portable: portable}.kind()+","+name, func(t *testing.T) {
				testNonReading(newWorld(t, setting{portable: portable}), policy, peers)
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

func testNonReading(w *world, policy Policy, peers int) {
	h := w.handler()
	terms := w.terms(&UpgradeServer{FrameHandler: h.pid, Options: &Options{
		MaxOut: nonReadingOut, MaxBurst: nonReadingOut, HighWater: nonReadingOut / 4, LowWater: nonReadingOut / 8, WhenFull: policy,
		WriteStall: -1, CloseTimeout: -1, PingInterval: -1, // nothing happens before it is looked at
	}})
	s := &Server{Server: quiet(w.upgrading(terms)), System: w.system}
	s.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		c.(*net.TCPConn).SetWriteBuffer(nonReadingBuffers)
		return ctx
	}
	addr := w.run(s)
	held := heap()
	dialer := &net.Dialer{Control: smallWindow}
	tcps := make([]*net.TCPConn, peers)
	conns := make([]*actor.PID, peers)
	hello := []byte(handshake(addr))
	answer := make([]byte, len(switched()))
	for i := range conns {
		nc, err := dialer.Dial("tcp", addr)
		require.NoError(w, err)
		tcps[i] = nc.(*net.TCPConn)
		defer tcps[i].Close()
		tcps[i].SetLinger(0) // no port is to wait for anything
		_, err = nc.Write(hello)
		require.NoError(w, err)
		_, err = io.ReadFull(nc, answer)
		require.NoError(w, err)
		conn, u := h.upgraded()
		conns[i], u.Request = conn, nil // which is large
	}
	idle := heap() - held
	for range nonReadingMessages {
		for _, conn := range conns {
			f := frame.New(frame.OpBinary, 1<<10)
			f.Payload = append(f.Payload, make([]byte, 1<<10)...)
			w.system.Root.Send(conn, f)
		}
	}
	for _, conn := range conns {
		_, err := w.system.Root.RequestFuture(conn, &actor.Touch{}, testTimeout).Result()
		require.NoError(w, err)
	}
	held = heap() - held
	w.Logf("%d peers hold %d bytes each, %d when nothing waits", peers, held/peers, idle/peers)
	most := nonReadingOut + nonReadingOverhead
	if w.portable {
		most += nonReadingPortable
	}
	assert.Less(w, held, peers*most)
	assert.Greater(w, held, peers*nonReadingOut/2, "there is nothing to be limited")

	for i, nc := range tcps {
		if policy == CloseSlow && i%1000 == 0 { // a small window takes its time
			assert.Equal(w, frame.PolicyViolation, lastWords(w, nc))
		}
		nc.Close()
	}
	require.True(w, until(func() bool { return s.Connections() == 0 }), "%d connections are left", s.Connections())
	w.system.Root.PoisonFuture(h.pid).Wait() // it has worked through all of it
	for from, told := range h.toldByConn() {
		pressed, lost := 0, Dropped{}
		for _, m := range told {
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
			assert.Less(w, lost.Messages, nonReadingMessages)
		}
		assert.Equal(w, lost.Messages<<10, lost.Bytes)
	}
}

// lastWords reads whole messages until a Close, and returns its code.
func lastWords(w *world, nc net.Conn) frame.Code {
	nc.SetReadDeadline(time.Now().Add(testTimeout))
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

// heap is how many bytes are in use. What is allocated while they are counted counts as well, more of it the busier the machine is: the
// least of three counts has the least of that.
func heap() int { return heapDownTo(0) }

// heapDownTo counts no more when so few bytes are in use.
func heapDownTo(enough int) int {
	least := math.MaxInt
	for n := 0; n < 3 && least > enough; n++ {
		runtime.GC()
		runtime.GC() // what pools keep goes with the second
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		least = min(least, int(m.HeapAlloc+m.StackInuse))
	}
	return least
}
