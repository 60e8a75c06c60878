//go:build !race && !spindriftdebug

package sockets_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/harness"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// idleBytes is what an idle connection keeps on the heap, but for what is shared with others: maps, heaps, pools. A field
// that makes an object one of the next size changes a number.
var idleBytes = map[string]float64{"own": 1815, "shared": 1632, "session": 2570, "dial": 2760}

// What an idle connection keeps is what idleBytes says, and by function what docs/figures/heap.txt does: make figures writes
// that. Each kind is measured in a process of its own, where every allocation is in the profile.
func TestIdleAccount(t *testing.T) {
	if kind := os.Getenv("SPINDRIFT_IDLE"); kind != "" {
		runtime.MemProfileRate = 1
		account(t, kind)
		return
	}
	text, err := os.ReadFile("../docs/figures/heap.txt")
	require.NoError(t, err)
	for kind, want := range idleBytes {
		child := exec.Command(os.Args[0], "-test.run=^TestIdleAccount$", "-test.v")
		child.Env = append(os.Environ(), "SPINDRIFT_IDLE="+kind)
		out, err := child.CombinedOutput()
		require.NoError(t, err, "%s", out)
		_, line, found := strings.Cut(string(out), accounted)
		require.True(t, found, "%s", out)
		bytes := map[string]float64{}
		require.NoError(t, json.NewDecoder(strings.NewReader(line)).Decode(&bytes))
		all := 0.0
		for _, n := range bytes {
			all += n
		}
		assert.InDelta(t, want, all, 24, "%s keeps %s", kind, line)
		for who, is := range bytes {
			row := fmt.Sprintf("BenchmarkHeap/%s/%s\t1\t", kind, who)
			if _, rest, found := strings.Cut(string(text), row); found {
				var said float64
				fmt.Sscan(rest, &said)
				assert.InDelta(t, said, is, 4, "%s: heap.txt is old: make figures", row)
			} else if kind == "own" || kind == "shared" {
				assert.Less(t, is, 24.0, "%s: not in heap.txt: make figures", row)
			}
		}
	}
}

// accounted is what the account of a process follows.
const accounted = "accounted: "

// account opens connections that echo a message, and prints what each keeps by the function that has made it.
func account(t *testing.T, kind string) {
	const conns = 1000
	system := sockets.NewSystem()
	echo := func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			ctx.Respond(f)
		}
	}
	h := map[string]http.Handler{
		"own":    &sockets.Handler{System: system, Spawn: actor.PropsFromFunc(echo)},
		"shared": &sockets.Handler{System: system, FrameHandler: system.Root.Spawn(actor.PropsFromFunc(echo, sockets.Dispatcher(system)))},
		"session": sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
			for f, err := range c.Messages(ctx) {
				if err != nil || c.Send(ctx, f) != nil {
					return err
				}
			}
			return nil
		}),
	}[kind]
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &sockets.Server{System: system, Server: http.Server{Handler: h}}
	go server.Serve(l)
	defer server.Close()
	port := l.Addr().(*net.TCPAddr).Port
	open := func() { dialBare(t, port) }
	if kind == "dial" {
		open = dialler(t)
	}
	open() // what is made once is not a connection's
	before, goroutines := allocated(t), runtime.NumGoroutine()
	waits := kind == "session" || kind == "dial" // in a goroutine of its own
	if waits {
		goroutines += conns
	}
	for range conns {
		open()
	}
	require.True(t, harness.Until(15*time.Second, func() bool { return runtime.NumGoroutine() <= goroutines }), "net/http's goroutines stay")
	bytes := map[string]float64{}
	for who, n := range allocated(t) {
		if n -= before[who]; n >= conns*4 {
			bytes[who] = float64(n) / conns
		}
	}
	if waits {
		// Go begins a goroutine with as much stack as they need on the average, with 928 bytes to spare: those that
		// waited in more than 1,120 bytes would all have 4 KiB, and most of them use half of that.
		start := []metrics.Sample{{Name: "/gc/stack/starting-size:bytes"}}
		metrics.Read(start)
		assert.EqualValues(t, 2048, start[0].Value.Uint64(), "it waits too many calls deep")
	}
	fmt.Print(accounted)
	require.NoError(t, json.NewEncoder(os.Stdout).Encode(bytes))
}

// allocated is how many bytes are in use, by the function that has allocated them as pprof names it. What the runtime has for
// itself is not in it, nor what connections share.
func allocated(t *testing.T) map[string]int64 {
	for range 3 { // the profile is that of an earlier collection
		runtime.GC()
	}
	records := make([]runtime.MemProfileRecord, 10_000)
	n, ok := runtime.MemProfile(records, false)
	require.True(t, ok)
	by := map[string]int64{}
	for _, r := range records[:n] {
		frames := runtime.CallersFrames(r.Stack())
		f, more := frames.Next()
		for more && (strings.HasPrefix(f.Function, "runtime.") || strings.HasPrefix(f.Function, "internal/runtime/maps.")) {
			f, more = frames.Next()
		}
		switch who := path.Base(f.Function); who {
		case "transport.(*epoll).add", "dispatch.(*byTime).Push", "dispatch.(*worker).work", "concurrent-map.ConcurrentMap.SetIfAbsent", "time.goFunc", "sync.runtime_SemacquireMutex", "sync.runtime_notifyListWait":
		default:
			if !strings.HasPrefix(who, "runtime.") {
				by[who] += r.InUseBytes()
			}
		}
	}
	return by
}
