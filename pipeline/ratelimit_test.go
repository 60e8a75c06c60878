package pipeline

import (
	"math"
	"testing"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// limited plays a stage at a given time, and tells what it sends down besides questions.
type limited struct {
	now    time.Time
	unread time.Duration
	passed int
	down   []any
	onUp   Sink
}

func newLimited(s Stage) *limited {
	l := &limited{now: time.Unix(1000, 0)}
	l.onUp, _ = s(func(any) { l.passed++ }, func(item any) {
		if s, ok := item.(*Status); ok {
			s.Now, s.Unread = l.now, l.unread
			return
		}
		l.down = append(l.down, item)
	})
	return l
}

func (l *limited) messages(n int) {
	for range n {
		l.onUp(frame.Fragment(frame.OpText, false, make([]byte, 5)))
		l.onUp(frame.Ping(nil))
		l.onUp(frame.Fragment(frame.OpContinuation, true, make([]byte, 5)))
	}
}

func TestRateLimit(t *testing.T) {
	for name, limit := range map[string]RateLimit{"messages": {Messages: 10}, "bytes": {Bytes: 100}, "both": {10, 100}} {
		t.Run(name, func(t *testing.T) {
			l := newLimited(limit.Stage())
			l.messages(20) // two seconds' worth
			require.Empty(t, l.down)
			l.now = l.now.Add(time.Second)
			l.messages(10)
			require.Empty(t, l.down)
			l.now, l.unread = l.now.Add(10*time.Second), 8*time.Second
			l.messages(100) // they came while nothing was read
			require.Empty(t, l.down)
			l.messages(1)
			require.Len(t, l.down, 1)
			reason := "too many messages"
			if name == "bytes" {
				reason = "too many bytes"
			}
			require.Equal(t, frame.Failure(frame.PolicyViolation, reason), l.down[0])
			passed := l.passed
			l.now = l.now.Add(time.Hour)
			l.messages(5)
			assert.Len(t, l.down, 1)
			assert.Equal(t, passed+5, l.passed, "but for control frames")
		})
	}
	for name, message := range map[string][]*frame.Frame{"whole": {frame.Text("a")}, "in many frames": fragments(frame.OpText, make([]byte, 10), 10)} {
		l := newLimited(RateLimit{Messages: 10}.Stage())
		for n := range 21 {
			require.Empty(t, l.down, "%s, %d", name, n)
			for _, f := range message {
				l.onUp(f)
			}
		}
		require.Len(t, l.down, 1, name)
	}
	l := newLimited(RateLimit{}.Stage())
	l.messages(10_000)
	assert.Empty(t, l.down)
}

func TestMaxAge(t *testing.T) {
	const age = time.Hour
	seen := map[time.Duration]bool{}
	for range 50 {
		l := newLimited(MaxAge(age))
		l.onUp(&Start{})
		after := l.down[0].(*After)
		assert.LessOrEqual(t, after.Delay, age)
		assert.Greater(t, after.Delay, age*3/4-time.Second)
		seen[after.Delay] = true
		other := newLimited(MaxAge(age))
		other.onUp(&Start{})
		other.onUp(after.Event)
		assert.Len(t, other.down, 1, "the event is another's")
		l.onUp(after.Event)
		assert.Equal(t, frame.ServiceRestart, l.down[1].(*Leave).Code)
		assert.Equal(t, 1, l.passed, "the Start")
	}
	assert.Greater(t, len(seen), 40)
	l := newLimited(MaxAge(1))
	l.onUp(&Start{})
	assert.EqualValues(t, 1, l.down[0].(*After).Delay)
}

// The largest rate is one that nobody exceeds.
func TestRateLimitWithoutEnd(t *testing.T) {
	l := newLimited(RateLimit{Messages: math.MaxInt, Bytes: math.MaxInt}.Stage())
	l.messages(3)
	assert.Empty(t, l.down)
}
