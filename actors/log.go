package actors

import (
	"fmt"
	"log"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Log tells a program of its own mistakes: a panic, an answer of the wrong type. The
// zero value writes to slog.Default, whatever the actor system's logger does. It is
// safe for concurrent use and must not be copied.
type Log struct {
	Logger *log.Logger // nil: slog.Default

	mu    sync.Mutex
	since time.Time // when the present second began
	lines int       // in this second
	left  int       // lines left out since the last one
}

// linesASecond bounds a Log: whoever can make a handler panic must not fill a disk.
const linesASecond = 20

// Error writes one line, with args as pairs of a name and a value, as in slog. A value
// named stack comes last, on lines of its own. A nil Log is the zero value.
func (l *Log) Error(what string, args ...any) {
	if l == nil {
		l = &fallback
	}
	left, ok := l.admit(time.Now())
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

// fallback is the Log of connections whose server or handler has given none.
var fallback Log

func (l *Log) admit(now time.Time) (left int, ok bool) {
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

// line is what a log.Logger gets, which has no pairs.
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
		if strings.ContainsAny(value, " \"=\n\r\t") || value == "" {
			value = fmt.Sprintf("%q", value)
		}
		fmt.Fprintf(&b, " %v=%s", args[i], value)
	}
	return b.String() + stack
}
