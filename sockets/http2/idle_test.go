package http2_test

import (
	"net/http"
	"runtime"
	"testing"

	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
)

// An idle stream keeps little: most of it is net/http's, which a handler that only waits needs too (make bench ROWS=idleh2), and some
// of it the client's.
func TestIdleMemory(t *testing.T) {
	if racing {
		t.Skip("the race detector makes stacks larger")
	}
	everywhere(t, func(t *testing.T, secure bool) {
		const conns, streams = 3, 200
		ended := make(closed, conns*streams+1)
		connect := listen(t, &sockets.Server{Server: http.Server{Handler: &sockets.Handler{Spawn: ended.echo()}}}, secure)
		open(t, connect(), "/").echoes("warm")
		heap, stack := inUse()
		var peers []*peer
		for range conns {
			c := connect()
			for range streams {
				p := open(t, c, "/")
				p.echoes("hello")
				peers = append(peers, p)
			}
		}
		heapNow, stackNow := inUse()
		heap, stack = (heapNow-heap)/int64(len(peers)), (stackNow-stack)/int64(len(peers))
		t.Logf("a stream: heap %d B, stack %d B", heap, stack)
		assert.Less(t, stack, int64(6<<10), "4 KB, and not 8")
		assert.Less(t, heap, int64(12800))
	})
}

// inUse is what is left when garbage has been collected, and stacks have been made smaller: by half each time.
func inUse() (heap, stack int64) {
	for range 4 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc), int64(m.StackInuse)
}
