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
		r.wait(5*time.Second - 1)
		require.Nil(t, r.hangup)
		r.wait(1)
		require.Equal(t, tt.ends, r.hangup != nil, tt.to)
		r.wait(2 * time.Minute)
		require.Equal(t, tt.ends, r.hangup != nil, tt.to)
		require.LessOrEqual(t, len(r.timers), 1)
	}
}

// Control frames that came while the handler gave no credit are read at once: what counts
// is when they may have come. A peer that is faster than that is too fast all the same.
func TestControlFramesThatWaitedToBeRead(t *testing.T) {
	for _, tt := range []struct {
		name   string
		rate   int // of the peer, a second
		ends   bool
		unread time.Duration
	}{
		{"as fast as it may be", 1, false, 30 * time.Second},
		{"too fast", 2, true, 30 * time.Second},
		{"a burst with no such time", 30, true, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, terms{control: 1, ping: -1}.chain())
			pings := func(n int) {
				for range n {
					if r.hangup == nil {
						r.hears(false, frame.Ping(nil))
						r.out = nil
					}
				}
			}
			pings(1)
			for range 3 {
				r.wait(30 * time.Second)
				r.unread += tt.unread
				pings(30 * tt.rate)
			}
			require.Equal(t, tt.ends, r.hangup != nil)
		})
	}
}

// What such a time allows is for what had come by then: it is gone after as long a time in
// which we do read.
func TestControlFramesThatWaitedAreNoCredit(t *testing.T) {
	b, now := new(bucket), epoch
	for range 2 {
		require.True(t, b.take(1, now, 0))
	}
	require.False(t, b.take(1, now, 0))
	now = now.Add(20 * time.Second)
	taken := func(unread time.Duration) (n int) {
		for b.take(1, now, unread) {
			n++
		}
		return n
	}
	require.True(t, b.take(1, now, 20*time.Second))
	now = now.Add(15 * time.Second)
	require.Equal(t, 7, taken(20*time.Second), "two seconds' worth, and what is left of twenty")
	now = now.Add(20 * time.Second)
	require.Equal(t, 2, taken(20*time.Second))
	now = now.Add(20 * time.Second)
	require.True(t, b.take(1, now, 40*time.Second))
	now = now.Add(10 * time.Second)
	require.Equal(t, 2+22, taken(46*time.Second), "it was read for 4 seconds of these 10: 16 and 6 are left of what was not")
}
