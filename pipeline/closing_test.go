package pipeline

import (
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// An error about output says whose it is, in either role, and can be told from others.
func TestErrorsSayWhoseOutputItIs(t *testing.T) {
	for client, want := range map[bool]string{
		false: "the client does not take what this server sends",
		true:  "the server does not take what this client sends",
	} {
		for item, what := range map[any]string{&Overflow{}: "slow consumer", &Stalled{}: "no progress in writing"} {
			r := newRig(t, terms{client: client}.chain())
			r.up(item)
			f, ok := r.sent(client)
			require.True(t, ok)
			code, reason := f.CloseStatus()
			assert.Equal(t, frame.PolicyViolation, code)
			assert.Equal(t, what, reason)
			r.end()
			assert.ErrorIs(t, r.closed.Err, ErrSlowConsumer)
			assert.ErrorContains(t, r.closed.Err, what+": "+want)
			var failure *frame.Error
			require.ErrorAs(t, r.closed.Err, &failure)
			assert.Equal(t, frame.PolicyViolation, failure.Code)
		}
	}
}

// The peer's Close may lie behind input that the handler gives no credit for: the time
// in which we do not read is not the peer's.
func TestCloseTimeStandsStillWhileNothingIsRead(t *testing.T) {
	r := newRig(t, terms{ping: -1}.chain())
	r.down(frame.Close(frame.Normal, ""))
	for range 10 {
		r.unread += 3 * time.Second
		r.wait(3 * time.Second)
		require.Nil(t, r.closed)
	}
	r.wait(4 * time.Second)
	require.Nil(t, r.closed)
	r.wait(time.Second + time.Millisecond)
	require.NotNil(t, r.closed)
	assert.Equal(t, ErrCloseTimeout, r.closed.Err)
}

// What comes down behind our Close goes nowhere, and is given back.
func TestNothingFollowsOurClose(t *testing.T) {
	r := newRig(t, terms{}.chain())
	r.down(frame.Close(frame.Normal, ""))
	r.out = nil
	f := frame.New(frame.OpBinary, 8<<10)
	f.Payload = append(f.Payload, 1)
	r.down(f.Handover())
	assert.Empty(t, r.out)
	assert.True(t, givenBack(f))
}

// A code is handed in as it was handed out, by whoever ends a connection, in either role:
// what goes out is its Sendable, and nothing panics.
func TestAnyCodeCanBeHandedIn(t *testing.T) {
	for _, code := range []frame.Code{frame.Normal, frame.NoStatus, frame.Abnormal, 999, 1004, 1015, 2999, 3000, 4999, 5000, 65535} {
		for name, end := range map[string]any{
			"Close": frame.Close(code, "why"),
			"Leave": &Leave{Code: code, Reason: "why"},
			"Error": &frame.Error{Code: code, Reason: "why"},
		} {
			for _, client := range []bool{false, true} {
				r := newRig(t, terms{client: client}.chain())
				r.down(end)
				f, ok := r.sent(client)
				require.True(t, ok)
				require.Equal(t, frame.OpClose, f.Opcode)
				got, reason := f.CloseStatus()
				assert.Equal(t, code.Sendable(), got, "%s %d", name, code)
				if got != frame.NoStatus {
					assert.Equal(t, "why", reason, "%s %d", name, code)
				}
				r.up(&Lost{})
				assert.Equal(t, code.Sendable(), r.closed.Code, "%s %d", name, code)
				if name == "Error" {
					assert.Equal(t, frame.Failure(code.Sendable(), "why"), r.closed.Err, "%s %d", name, code)
				}
			}
		}
	}
	r := newRig(t, terms{}.chain())
	r.down(&Leave{})
	f, _ := r.sent(false)
	code, _ := f.CloseStatus()
	assert.Equal(t, frame.GoingAway, code, "a Leave that says nothing")
}

// The driver is told whether the peer's Close has come when it is asked to hang up:
// it need not read on for long then.
func TestHangupHeard(t *testing.T) {
	for name, test := range map[string]struct {
		closes bool // this side, first
		items  []any
		want   Hangup
	}{
		"the peer closes":   {false, []any{frame.Close(frame.Normal, ""), &Settled{}}, Hangup{Heard: true}},
		"the peer answers":  {true, []any{frame.Close(frame.Normal, "")}, Hangup{Heard: true}},
		"the peer is wrong": {false, []any{frame.Failure(frame.ProtocolError, "wrong"), &Settled{}}, Hangup{}},
		"the peer ends":     {false, []any{&Ended{}, &Settled{}}, Hangup{}},
	} {
		var got *Hangup
		up, down := Closing{}.Stage()(func(any) {}, func(item any) {
			if m, ok := item.(*Hangup); ok {
				got = m
			}
		})
		if test.closes {
			down(frame.Close(frame.Normal, ""))
		}
		for _, item := range test.items {
			up(item)
		}
		require.NotNil(t, got, name)
		assert.Equal(t, test.want, *got, name)
	}
}

// A handler that has paused the connection and closes it must get the peer's answer.
func TestOurCloseEndsAPause(t *testing.T) {
	var below []any
	_, down := Closing{Timeout: time.Second}.Stage()(func(any) {}, func(item any) { below = append(below, item) })
	down(&Pause{})
	down(frame.Close(frame.Normal, ""))
	require.IsType(t, &Pause{}, below[0])
	told := slices.ContainsFunc(below[1:], func(item any) bool { _, ok := item.(*Closes); return ok })
	require.True(t, told, "%T", below)
}

// A Cut ends a connection in any phase, without a Close and without waiting; what went
// wrong before is still why it ended.
func TestCut(t *testing.T) {
	mistake := frame.Failure(frame.ProtocolError, "wrong")
	for name, test := range map[string]struct {
		before func(r *rig)
		want   Closed
	}{
		"open":          {func(*rig) {}, Closed{Code: frame.Abnormal, By: Local, Err: ErrCut}},
		"the peer's":    {func(r *rig) { r.holding = true; r.read(masked("\x88\x02\x03\xe8")) }, Closed{Code: frame.Normal, By: Peer, Err: ErrCut}},
		"ours":          {func(r *rig) { r.down(frame.Close(frame.Normal, "bye")) }, Closed{Code: frame.Normal, Reason: "bye", By: Local, Err: ErrCut}},
		"mistake":       {func(r *rig) { r.holding = true; r.up(mistake) }, Closed{Code: frame.Abnormal, By: Local, Err: mistake}},
		"failure":       {func(r *rig) { r.down(mistake) }, Closed{Code: frame.ProtocolError, Reason: "wrong", By: Local, Err: mistake}},
		"both":          {func(r *rig) { r.read(masked("\x88\x02\x03\xe8")) }, Closed{Code: frame.Normal, By: Peer, Clean: true}},
		"it was lost":   {func(r *rig) { r.up(&Lost{}) }, Closed{Code: frame.Abnormal, By: Nobody, Err: io.ErrUnexpectedEOF}},
		"message timed": {func(r *rig) { r.down(&Limits{MessageTimeout: time.Second}); r.wait(time.Second) }, Closed{Code: frame.GoingAway, Reason: "no message for 1s", By: Local, Err: ErrMessageTimeout}},
	} {
		r := newRig(t, terms{}.chain())
		test.before(r)
		sent := len(r.out)
		r.down(&Cut{})
		require.NotNil(t, r.closed, name)
		assert.Equal(t, test.want, *r.closed, name)
		assert.Len(t, r.out, sent, name)
	}
}

// masked is a client's frame of up to 125 bytes, with key 0.
func masked(s string) []byte {
	return append([]byte{s[0], s[1] | 0x80, 0, 0, 0, 0}, s[2:]...)
}

// Our Close may lie behind output: a peer that is still taking that cannot answer yet. One
// that takes next to nothing has no more time than any other.
func TestCloseTimeWhileTheWireTakesOutput(t *testing.T) {
	for _, tt := range []struct {
		name    string
		taken   int // every 5 seconds
		periods int // until the end, 0: all is taken
	}{{"fast enough", progress, 0}, {"next to nothing", progress - 1, 1}, {"nothing", 0, 1}} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, terms{ping: -1}.chain())
			r.blocked = true
			r.down(frame.Binary(make([]byte, 100<<10)))
			r.down(frame.Close(frame.Normal, ""))
			for periods := 1; len(r.out) > 0; periods++ {
				if r.out = r.out[min(tt.taken, len(r.out)):]; len(r.out) == 0 {
					break
				}
				r.wait(5*time.Second - 1)
				require.Nil(t, r.closed)
				r.wait(1)
				if r.closed != nil {
					assert.Equal(t, tt.periods, periods)
					assert.Equal(t, ErrCloseTimeout, r.closed.Err)
					return
				}
			}
			require.Zero(t, tt.periods)
			r.flow()
			r.wait(5*time.Second - 1)
			require.Nil(t, r.closed)
			r.wait(1)
			require.NotNil(t, r.closed)
			assert.Equal(t, ErrCloseTimeout, r.closed.Err)
		})
	}
}

// While there is something to read that we are late with, the peer's Close may be among
// it: three times.
func TestCloseTimeWhileSomethingIsToBeRead(t *testing.T) {
	r := newRig(t, terms{ping: -1}.chain())
	r.down(frame.Close(frame.Normal, ""))
	r.out = nil
	r.lastRead = r.now.Add(time.Hour)
	r.wait(5*time.Second + 3*1250*time.Millisecond - 1)
	require.Nil(t, r.closed)
	r.wait(1)
	require.NotNil(t, r.closed)
	assert.Equal(t, ErrCloseTimeout, r.closed.Err)
}

// A CloseTimeout that is changed counts at once, also while an end is under way: from the
// change on.
func TestCloseTimeoutChanges(t *testing.T) {
	for name, begin := range map[string]func(r *rig){
		"the handler is waited for": func(r *rig) { r.holding = true; r.read(masked("\x88\x02\x03\xe8")) },
		"the peer is waited for":    func(r *rig) { r.down(frame.Close(frame.Normal, "")) },
	} {
		for _, tt := range []struct{ from, to time.Duration }{{-1, time.Second}, {time.Hour, time.Second}, {2 * time.Second, time.Minute}, {time.Second, -1}} {
			r := newRig(t, terms{close: tt.from, ping: -1}.chain())
			begin(r)
			r.wait(time.Second - 1)
			r.down(&Limits{CloseTimeout: tt.to})
			require.LessOrEqual(t, len(r.timers), 1)
			r.wait(max(tt.to, 1) / 2)
			r.down(&Limits{Message: 1}) // not its affair
			r.wait(max(tt.to, 1) - max(tt.to, 1)/2 - 1)
			require.Nil(t, r.hangup, "%s: %v", name, tt)
			r.wait(1)
			if tt.to < 0 {
				r.wait(time.Hour)
			}
			require.Equal(t, tt.to > 0, r.hangup != nil, "%s: %v", name, tt)
		}
	}
}

// Only the first failure counts: what a peer does wrong after a Close of ours that had a
// cause of its own does not take its place.
func TestTheFirstFailureCounts(t *testing.T) {
	r := newRig(t, terms{ping: -1}.chain())
	r.down(&Limits{MessageTimeout: time.Second})
	r.wait(time.Second)
	require.NotEmpty(t, r.out)
	r.read([]byte{0x83})
	require.NotNil(t, r.end())
	assert.Equal(t, ErrMessageTimeout, r.closed.Err)
	assert.False(t, r.closed.Clean)
}
