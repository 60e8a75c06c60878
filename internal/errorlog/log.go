// Package errorlog is how a program hears of its own mistakes, and of what peers do: in few lines, of which none
// can be forged. It knows nothing of connections.
package errorlog

import (
	"fmt"
	"log"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Log tells a program of its own mistakes, a panic or an answer of the wrong type,
// whatever the actor system's logger does. The zero value and nil write to slog.Default.
// It must not be copied.
type Log struct {
	Logger *log.Logger // nil: slog.Default

	mu    sync.Mutex
	since time.Time // when the present second began
	lines int       // in this second
	left  int       // lines left out since the last one
}

// linesASecond bounds what is logged: whoever can make a handler panic must not fill a disk.
const linesASecond = 20

// Fallback is the Log of connections whose server is not ours.
var Fallback Log

// Error writes one line, with args as pairs of a name and a value as in slog. A value
// named stack is written on lines of its own.
func (l *Log) Error(what string, args ...any) {
	if l == nil {
		l = &Fallback
	}
	left, ok := l.Allow(time.Now())
	if !ok {
		return
	}
	if left > 0 {
		args = append(args, "left_out", left)
	}
	if l.Logger == nil {
		slog.Error("spindrift: "+what, args...)
		return
	}
	l.Logger.Print(line(what, args))
}

// Allow reports whether one more line may be written now, and how many were left out before it.
func (l *Log) Allow(now time.Time) (left int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.since) >= time.Second {
		l.since, l.lines = now, 0
	}
	if l.lines == linesASecond {
		l.left++
		return 0, false
	}
	l.lines++
	left, l.left = l.left, 0
	return left, true
}

// line is what a log.Logger gets, which knows no pairs. A stack comes last, on lines of
// its own.
func line(what string, args []any) string {
	var b strings.Builder
	b.WriteString("spindrift: " + what)
	stack := ""
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] == "stack" {
			stack = fmt.Sprint("\n", args[i+1])
			continue
		}
		value := fmt.Sprint(args[i+1])
		if quoted := strconv.Quote(value); value == "" || strings.ContainsAny(value, " =") || len(quoted) > len(value)+2 {
			value = quoted
		}
		fmt.Fprintf(&b, " %v=%s", args[i], value)
	}
	return b.String() + stack
}
