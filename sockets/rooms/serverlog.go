package rooms

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// A server in the process says at most ten things a minute: a node that is refused tries again
// every second, and a stranger at the port as often as it likes.
const (
	sayings = 10
	quiet   = time.Minute
)

// Nodes that begin together do not find each other at the first attempt. That is no news: what fails again is, the fifth
// time, after some seconds, and every fifth from then on. The server says the words in the middle of a line.
const (
	firstAttempt = "(attempt 1)"
	fifth        = 5
)

// serverLog hears of what goes wrong in the NATS server in the process, which a user would not
// know otherwise: a secret or certificate refused, two nodes of one name, a route not reached.
type serverLog struct {
	fatal chan error // holds the first: why the server can't begin

	mu    sync.Mutex
	tell  func(error) // nil: the node closes, and what fails then is no news
	since time.Time   // when the minute began
	said  int         // since then, what was kept back included
}

func newServerLog(tell func(error)) *serverLog {
	return &serverLog{fatal: make(chan error, 1), tell: tell}
}

func (l *serverLog) Errorf(format string, v ...any) {
	text := message(format, v)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tell == nil || strings.Contains(text, firstAttempt) {
		return
	}
	if now := time.Now(); now.Sub(l.since) >= quiet {
		if kept := l.said - sayings; kept > 0 {
			l.tell(fmt.Errorf("rooms: NATS: %d more of such errors since %s", kept, l.since.Format(time.TimeOnly)))
		}
		l.since, l.said = now, 0
	}
	if l.said++; l.said <= sayings {
		l.tell(fmt.Errorf("rooms: NATS: %s", text))
	}
}

func (l *serverLog) Fatalf(format string, v ...any) {
	select {
	case l.fatal <- errors.New(message(format, v)):
	default:
	}
}

func message(format string, v []any) string { return strings.TrimSpace(fmt.Sprintf(format, v...)) }

// close has it say nothing more.
func (l *serverLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell = nil
}

func (l *serverLog) Noticef(string, ...any) {}
func (l *serverLog) Warnf(string, ...any)   {}
func (l *serverLog) Debugf(string, ...any)  {}
func (l *serverLog) Tracef(string, ...any)  {}
