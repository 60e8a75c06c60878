package remote

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func descriptors() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(entries)
}

// Nothing is left of a thousand connections and ten nodes that died.
func TestNothingIsLeft(t *testing.T) {
	deaths, each := 10, size(100, 10)
	gateway := start(t, Config{})
	var goroutines, open int
	var heap uint64
	addrs := make(map[string]bool) // a port may be given twice
	for i := range deaths + 2 {
		worker := spawn(t, "worker", "", "")
		addrs[worker.addr] = true
		conns := crowd(t, each, gateway.serve(worker.addr, "echo"))
		for _, c := range conns[:each/2] {
			require.NoError(t, c.Close(frame.Normal, ""))
		}
		worker.signal(os.Kill)
		ends(t, conns[each/2:], 5e9, frame.InternalError)
		worker.cmd.Wait()
		worker.in.Close()
		if i == 1 { // what is made once has been made
			eventually(t, "no link", func() bool { return len(gateway.node.allLinks()) == 0 })
			goroutines, open = runtime.NumGoroutine(), descriptors()
			heap = live()
		}
	}
	const perServer = 2 // each round has a server of its own, until the test ends
	eventually(t, "goroutines and descriptors", func() bool {
		return runtime.NumGoroutine() <= goroutines+perServer*deaths && descriptors() <= open+perServer*deaths
	})
	assert.Less(t, live(), heap+4<<20)
	assert.Empty(t, gateway.node.allLinks())
	assert.Len(t, gateway.node.Peers(), len(addrs))
	gateway.node.forgetPeers(time.Now().Add(2 * keepPeers))
	assert.Empty(t, gateway.node.Peers())
	assert.NoError(t, gateway.node.Connect(t.Context(), spawn(t, "worker", "", "").addr))
}

// Nor is anything left of their connections at a worker whose gateways died.
func TestNothingIsLeftOfGateways(t *testing.T) {
	deaths, each := size(10, 3), size(100, 10)
	worker := start(t, Config{})
	h := worker.handler("echo", echo)
	var goroutines, open int
	for i := range deaths + 2 {
		gateway := spawn(t, "gateway", worker.node.Addr(), "")
		conns := crowd(t, each, gateway.url)
		gateway.signal(os.Kill)
		ends(t, conns, 5e9, frame.Abnormal)
		gateway.cmd.Wait()
		gateway.in.Close()
		eventually(t, "the Closeds", func() bool { return h.closeds() == (i+1)*each })
		if i == 1 { // what is made once has been made
			eventually(t, "no link", func() bool { return len(worker.node.allLinks()) == 0 })
			goroutines, open = runtime.NumGoroutine(), descriptors()
		}
	}
	eventually(t, "goroutines and descriptors", func() bool { return runtime.NumGoroutine() <= goroutines && descriptors() <= open })
	assert.Empty(t, worker.node.allLinks())
	assert.Zero(t, worker.node.Stats().Handled)
	h.judge(t)
}

func live() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
