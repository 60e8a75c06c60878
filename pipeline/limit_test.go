package pipeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// What a script cannot say of Limit stands here; the rest is in
// testdata/wire/10.4-limits.txt.

// While the driver does not read, a message's time stands still.
func TestMessageTimeWhileNotRead(t *testing.T) {
	r := newRig(t, terms{ping: -1}.chain())
	r.read(piece(frame.OpBinary, false, "half a", 0))
	r.wait(50 * time.Second)
	r.unread = 45 * time.Second // of these
	r.wait(50 * time.Second)
	require.Nil(t, r.hangup, "5 and 50 seconds are not 60")
	r.wait(4 * time.Second)
	require.Nil(t, r.hangup)
	r.wait(time.Second)
	require.NotNil(t, r.hangup)
	assert.Equal(t, frame.PolicyViolation, r.end().Code)
}

// If something waited to be read when a message's time was over, it begins anew:
// three times, and for each message.
func TestMessageTimeAnew(t *testing.T) {
	r := newRig(t, terms{ping: -1}.chain())
	for range 2 {
		r.read(piece(frame.OpBinary, false, "half a", 0))
		for range 3 {
			r.lastRead = r.now.Add(time.Minute) // that is, when it is over
			r.wait(time.Minute)
			require.Nil(t, r.hangup)
		}
		r.wait(time.Minute - time.Second)
		require.Nil(t, r.hangup)
		r.read(piece(frame.OpContinuation, true, " message", 0))
		require.Len(t, r.ups, 1)
		r.ups = nil
	}
	r.read(piece(frame.OpBinary, false, "half a", 0))
	for range 4 {
		require.Nil(t, r.hangup)
		r.lastRead = r.now.Add(time.Minute)
		r.wait(time.Minute)
	}
	require.NotNil(t, r.hangup)
	assert.Equal(t, frame.PolicyViolation, r.end().Code)
}

// A new time counts for the message that is under way, too.
func TestMessageTimeIsChanged(t *testing.T) {
	for _, tt := range []struct {
		to   time.Duration
		ends bool
	}{{10 * time.Second, true}, {time.Hour, false}, {-1, false}} {
		r := newRig(t, terms{ping: -1}.chain())
		r.read(piece(frame.OpBinary, false, "half a", 0))
		r.wait(5 * time.Second)
		r.down(&Limits{MessageTime: tt.to})
		r.wait(4 * time.Second)
		require.Nil(t, r.hangup)
		r.wait(2 * time.Minute)
		require.Equal(t, tt.ends, r.hangup != nil, tt.to)
		require.LessOrEqual(t, len(r.timers), 1)
	}
}
