package sockettest

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// judged is a test that is judged by another: what it fails with is looked at.
type judged struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
	helpers  map[string]bool // the functions that have called Helper
	at       string          // the line of the first failure
}

func (j *judged) Helper() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.helpers[caller(2)] = true
}

// caller is the function that many calls up.
func caller(up int) string {
	pc, _, _, _ := runtime.Caller(up)
	return runtime.FuncForPC(pc).Name()
}

func (j *judged) Errorf(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.failures = append(j.failures, fmt.Sprintf(format, args...))
	if j.at != "" {
		return
	}
	pcs := make([]uintptr, 50)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for f, more := frames.Next(); more; f, more = frames.Next() {
		if !j.helpers[f.Function] && !strings.Contains(f.Function, "(*judged).") {
			j.at = f.Function
			return
		}
	}
}

func (j *judged) Error(args ...any) { j.Errorf("%s", fmt.Sprint(args...)) }

func (j *judged) Fatal(args ...any) {
	j.Errorf("%s", fmt.Sprint(args...))
	runtime.Goexit()
}

func (j *judged) Fatalf(format string, args ...any) {
	j.Errorf(format, args...)
	runtime.Goexit()
}

func (j *judged) Failed() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.failures) > 0
}

func (j *judged) Log(args ...any) { j.TB.Log(args...) }

func (j *judged) Cleanup(f func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.cleanups = append(j.cleanups, f)
}

// failures runs test as a test of its own, and returns what it fails with.
func failures(t *testing.T, test func(t testing.TB)) []string {
	t.Helper()
	j := &judged{TB: t, helpers: map[string]bool{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			for i := len(j.cleanups) - 1; i >= 0; i-- {
				j.cleanups[i]()
			}
		}()
		test(j)
	}()
	<-done
	nowhere := strings.HasSuffix(j.at, ".over") || strings.HasSuffix(j.at, "(*Peer).Go.func1") // at the end of a test, beside it
	if len(j.failures) > 0 && !nowhere {
		assert.NotContains(t, j.at, "sockettest.(*", "a failure is told at the line of the test")
	}
	return j.failures
}

// fails requires that test fails with one line that has all of want in it.
func fails(t *testing.T, test func(t testing.TB), want ...string) {
	t.Helper()
	got := failures(t, test)
	require.Len(t, got, 1, "failures: %q", got)
	for _, w := range want {
		assert.Contains(t, got[0], w)
	}
}

// handle is a handler with one actor for each connection.
func handle(receive func(ctx actor.Context)) *sockets.Handler {
	return &sockets.Handler{Spawn: actor.PropsFromFunc(receive)}
}

// echo answers messages with themselves.
func echo() http.Handler {
	return handle(func(ctx actor.Context) {
		if f, ok := ctx.Message().(*frame.Frame); ok {
			ctx.Respond(f)
		}
	})
}
