package pipeline

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// What a script cannot say of AutoPing stands here; the rest is in
// testdata/wire/keepalive.txt.
func TestAutoPingPayload(t *testing.T) {
	n := 0
	r := newRig(t, terms{pingPayload: func() []byte { n++; return fmt.Appendf(nil, "beat %d", n) }}.chain())
	for i := range 3 {
		r.wait(30 * time.Second)
		f, ok := r.sent(false)
		require.True(t, ok)
		assert.Equal(t, frame.OpPing, f.Opcode)
		assert.Equal(t, fmt.Sprintf("beat %d", i+1), f.String())
		r.wait(time.Second)
		r.read(frame.AppendMasked(nil, frame.Pong(f.Payload), [4]byte{1, 2, 3, 4}))
		require.Len(t, r.ups, i+1)
		assert.Equal(t, &RoundTripTime{Duration: time.Second, Payload: f.Payload}, r.ups[i])
	}
}

// A stage that joins a living connection begins with its own Start.
func TestAutoPingJoinsLate(t *testing.T) {
	r := newRig(t, Chain()) // the clock and the wire of a pipeline that has run for a while
	r.now = r.now.Add(time.Hour)
	var onUp Sink
	onUp, _ = AutoPing{Interval: 30 * time.Second}.Stage()(r.top, r.bottomOf(frame.OpPing))
	r.onUp = onUp
	r.up(&Start{})
	assert.Empty(t, r.out)
	r.wait(30 * time.Second)
	assert.NotEmpty(t, r.out)
}

// bottomOf is a bottom that takes frames of one kind as they are.
func (r *rig) bottomOf(op frame.Opcode) Sink {
	return func(item any) {
		if f, ok := item.(*frame.Frame); ok {
			require.Equal(r.t, op, f.Opcode)
			r.out = frame.Append(r.out, f)
			return
		}
		r.bottom(item)
	}
}

// However often its times are changed, one look is waited for; and none by one that was
// switched off.
func TestAutoPingWaitsOnce(t *testing.T) {
	r := newRig(t, terms{ping: time.Hour}.chain())
	for i := range 100 {
		r.down(&Limits{PingInterval: time.Minute + time.Duration(i)})
	}
	require.Len(t, r.timers, 1)
	r.down(&Limits{PingInterval: -1})
	r.wait(time.Hour)
	assert.Empty(t, r.out)
	assert.Empty(t, r.timers)
	r.down(&Limits{PingInterval: time.Second})
	r.wait(time.Second)
	assert.NotEmpty(t, r.out)
}

// Two of them on one connection do not take each other's time.
func TestAutoPingTwice(t *testing.T) {
	often, seldom := AutoPing{Interval: 10 * time.Second, Payload: func() []byte { return []byte("often") }}, AutoPing{Interval: 15 * time.Second, Payload: func() []byte { return []byte("seldom") }}
	r := newRig(t, Chain(often.Stage(), seldom.Stage()))
	var pings []string
	r.onUp, r.onDown = Chain(often.Stage(), seldom.Stage())(r.top, func(item any) {
		if f, ok := item.(*frame.Frame); ok {
			pings = append(pings, f.String())
			return
		}
		r.bottom(item)
	})
	r.timers = nil
	r.up(&Start{})
	r.wait(16 * time.Second)
	assert.Equal(t, []string{"often", "seldom"}, pings)
}

// What a quiet AutoPing measures is for the driver; the handler's own Pings are its own
// affair.
func TestAutoPingQuiet(t *testing.T) {
	for _, quiet := range []bool{false, true} {
		r := newRigOf(t, AutoPing{Interval: 30 * time.Second, Quiet: quiet}.Stage(), terms{}.core())
		r.wait(30 * time.Second)
		f, ok := r.sent(false)
		require.True(t, ok)
		r.down(frame.Ping([]byte("mine")))
		for _, payload := range [][]byte{f.Payload, []byte("mine")} {
			r.read(frame.AppendMasked(nil, frame.Pong(payload), [4]byte{1, 2, 3, 4}))
		}
		require.Len(t, r.ups, 2)
		assert.Equal(t, &RoundTripTime{Payload: f.Payload, Unasked: quiet}, r.ups[0])
		assert.Equal(t, &RoundTripTime{Payload: []byte("mine")}, r.ups[1])
	}
}

// An interval that is changed counts from the latest byte, and a look that was asked for
// before it is void: exactly one Ping at a time.
func TestAutoPingIntervalChanges(t *testing.T) {
	r := newRigOf(t, AutoPing{Interval: 30 * time.Second}.Stage(), terms{}.core())
	pings := func(within time.Duration) (at []time.Duration) {
		for begin := r.now; r.now.Sub(begin) < within; {
			r.wait(time.Second)
			for f, ok := r.sent(false); ok; f, ok = r.sent(false) {
				require.Equal(t, frame.OpPing, f.Opcode)
				at = append(at, r.now.Sub(begin))
			}
		}
		return at
	}
	assert.Empty(t, pings(20*time.Second))
	r.down(&Limits{PingInterval: 25 * time.Second})
	assert.Equal(t, []time.Duration{25 * time.Second, 50 * time.Second}, pings(60*time.Second), "not at 10 s, when the first look was due")
	r.down(&Limits{PingInterval: 10 * time.Second})
	assert.Equal(t, []time.Duration{10 * time.Second, 20 * time.Second, 30 * time.Second}, pings(30*time.Second), "not also at 15 s")
	r.down(&Limits{PingInterval: -1})
	assert.Empty(t, pings(time.Hour))
	r.down(&Limits{Message: 5}) // not its affair
	assert.Empty(t, pings(time.Hour))
	r.down(&Limits{PingInterval: 5 * time.Second})
	assert.Equal(t, []time.Duration{5 * time.Second}, pings(5*time.Second))
}

// A timeout that is changed while a Ping is unanswered begins anew with the next Ping.
func TestAutoPingTimeoutChanges(t *testing.T) {
	r := newRigOf(t, AutoPing{Interval: 30 * time.Second, Timeout: 20 * time.Second}.Stage(), terms{}.core())
	r.wait(30 * time.Second)
	require.NotEmpty(t, r.out)
	r.down(&Limits{PingTimeout: 5 * time.Second})
	r.out = nil
	r.wait(29 * time.Second)
	assert.Empty(t, r.out)
	r.wait(time.Second)
	f, ok := r.sent(false)
	require.True(t, ok)
	assert.Equal(t, frame.OpPing, f.Opcode)
	r.wait(5*time.Second - 1)
	assert.Empty(t, r.out)
	r.wait(1)
	f, ok = r.sent(false)
	require.True(t, ok)
	assert.Equal(t, frame.OpClose, f.Opcode)
}

// One that never pings asks for no time either.
func TestAutoPingOff(t *testing.T) {
	r := newRigOf(t, AutoPing{}.Stage(), terms{}.core())
	assert.Empty(t, r.timers)
	r.down(&Limits{PingTimeout: time.Second})
	assert.Empty(t, r.timers)
}

// A Ping without a payload has a round trip like any other.
func TestEmptyPingHasARoundTrip(t *testing.T) {
	r := newRig(t, terms{pingPayload: func() []byte { return nil }}.chain())
	pong := frame.AppendMasked(nil, frame.Pong(nil), [4]byte{1, 2, 3, 4})
	r.wait(30 * time.Second)
	f, ok := r.sent(false)
	require.True(t, ok)
	require.Empty(t, f.Payload)
	r.wait(time.Second)
	r.read(pong)
	r.down(frame.Ping(nil))
	r.wait(2 * time.Second)
	r.read(pong)
	r.read(pong) // answers nothing
	require.Len(t, r.ups, 2)
	assert.Equal(t, time.Second, r.ups[0].(*RoundTripTime).Duration)
	assert.Equal(t, 2*time.Second, r.ups[1].(*RoundTripTime).Duration)
}

// A Memory out of range is the least: the latest Ping has its round trip.
func TestAutoPingMemory(t *testing.T) {
	for memory, remembered := range map[int]int{-5: 1, 1: 1, 3: 3, 0: 16} {
		r := newRigOf(t, AutoPing{Memory: memory}.Stage(), terms{}.core())
		for i := range 20 {
			r.down(frame.Ping(fmt.Append(nil, i)))
		}
		for i := range 20 {
			r.hears(false, frame.Pong(fmt.Append(nil, i)))
		}
		assert.Len(t, r.ups, remembered, "%d", memory)
	}
}
