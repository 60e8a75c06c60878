package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

// stats is what the process says about itself.
type stats struct {
	CPU        time.Duration `json:"cpu"` // user and system, nanoseconds
	RSS        int64         `json:"rss"` // bytes, 0 where /proc is missing
	Heap       uint64        `json:"heap"`
	Stack      uint64        `json:"stack"`
	Mallocs    uint64        `json:"mallocs"`
	Collected  uint32        `json:"gcs"`
	Goroutines int           `json:"goroutines"`
}

// serveStats answers /stats on a listener of its own, and returns its address. /stats?gc=1 collects garbage first,
// /stats?free=1 gives memory back to the system as well.
func serveStats(addr string, profiles bool) (string, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return "", err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/stats", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("gc") != "" || r.FormValue("free") != "" {
			collect(r.FormValue("free") != "")
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(readStats())
	})
	if profiles {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	}
	go http.Serve(ln, mux)
	return ln.Addr().String(), nil
}

// collect runs twice because a sync.Pool lets go of its content only at the second collection.
func collect(free bool) {
	runtime.GC()
	runtime.GC()
	if free {
		debug.FreeOSMemory()
	}
}

func readStats() stats {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s := stats{
		RSS: residentBytes(), Heap: m.HeapAlloc, Stack: m.StackInuse,
		Mallocs: m.Mallocs, Collected: m.NumGC, Goroutines: runtime.NumGoroutine(),
	}
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err == nil {
		s.CPU = time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
	}
	return s
}

func residentBytes() int64 {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident int64
	if _, err := fmt.Fscan(bytes.NewReader(statm), &size, &resident); err != nil {
		return 0
	}
	return resident * int64(os.Getpagesize())
}
