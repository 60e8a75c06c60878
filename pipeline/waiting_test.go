package pipeline

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/spindrift-go/spindrift/frame"
)

// idleRig is a connection that ends after ten seconds without a message.
func idleRig(t *testing.T, client bool) *rig {
	top, core := terms{client: client, ping: -1}.parts()
	core.(*Core).Closing.MessageTimeout = 10 * time.Second
	return newRigOf(t, top, core)
}

// hears is the rig's peer sending f.
func (r *rig) hears(client bool, f *frame.Frame) {
	if client {
		r.read(frame.Append(nil, f))
	} else {
		r.read(frame.AppendMasked(nil, f, [4]byte{1, 2, 3, 4}))
	}
}

func TestMessageTimeout(t *testing.T) {
	for _, client := range []bool{false, true} {
		for name, tt := range map[string]struct {
			every func(r *rig)
			alive bool
		}{
			"silence":              {func(r *rig) {}, false},
			"messages up":          {func(r *rig) { r.hears(client, frame.Text("a")) }, true},
			"messages down":        {func(r *rig) { r.down(frame.Text("a")) }, true},
			"Pings and Pongs":      {func(r *rig) { r.hears(client, frame.Ping(nil)); r.hears(client, frame.Pong(nil)) }, false},
			"the handler's Pings":  {func(r *rig) { r.down(frame.Ping(nil)); r.flow() }, false},
			"credit does not come": {func(r *rig) { r.unread += 6 * time.Second }, true},
		} {
			t.Run(name, func(t *testing.T) {
				r := idleRig(t, client)
				for range 10 {
					tt.every(r)
					r.wait(6 * time.Second)
				}
				var last *frame.Frame
				for f, ok := r.sent(client); ok; f, ok = r.sent(client) {
					last = f
				}
				if tt.alive {
					assert.Nil(t, r.hangup)
					return
				}
				require.NotNil(t, last)
				code, reason := last.CloseStatus()
				assert.Equal(t, frame.GoingAway, code)
				assert.Equal(t, "no message for 10s", reason)
				require.NotNil(t, r.closed)
				assert.Equal(t, ErrMessageTimeout, r.closed.Err, "also if the peer does not answer")
			})
		}
	}
}

// The end is an ordinary one, and its error says why it was.
func TestMessageTimeoutIsAnswered(t *testing.T) {
	r := idleRig(t, false)
	r.hears(false, frame.Text("a"))
	r.wait(10*time.Second - 1)
	assert.Empty(t, r.out)
	r.wait(1)
	f, ok := r.sent(false)
	require.True(t, ok)
	assert.Equal(t, frame.OpClose, f.Opcode)
	r.hears(false, f)
	require.NotNil(t, r.end())
	assert.Equal(t, &Closed{Code: frame.GoingAway, Reason: "no message for 10s", Clean: true, By: Local, Err: ErrMessageTimeout}, r.closed)
}

// The time is exact to the message, whatever else was looked at before.
func TestMessageTimeoutBeginsAnew(t *testing.T) {
	r := idleRig(t, false)
	r.wait(7 * time.Second)
	r.down(frame.Fragment(frame.OpText, false, []byte("a piece counts")))
	r.out = nil
	r.wait(10*time.Second - 1)
	assert.Empty(t, r.out)
	r.wait(1)
	assert.NotEmpty(t, r.out)
}

// It can be changed, begun and ended while the connection lives; an earlier time is void.
func TestMessageTimeoutChanges(t *testing.T) {
	r := newRig(t, terms{ping: -1}.chain())
	r.wait(time.Hour)
	r.down(&Limits{MessageTimeout: 10 * time.Second})
	r.wait(9 * time.Second)
	r.down(&Limits{MessageTimeout: 20 * time.Second})
	r.wait(20*time.Second - 1)
	assert.Empty(t, r.out)
	r.down(&Limits{MessageTimeout: 2 * time.Second})
	r.wait(2*time.Second - 1)
	assert.Empty(t, r.out)
	r.down(&Limits{CloseTimeout: time.Second}) // not its affair
	r.wait(1)
	require.NotEmpty(t, r.out)

	r = idleRig(t, false)
	r.down(&Limits{MessageTimeout: -1})
	r.wait(time.Hour)
	assert.Empty(t, r.out)
}

// A message costs no memory where there is a timeout.
func TestMessageTimeoutAllocatesNothing(t *testing.T) {
	c := &closer{Closing: &Closing{MessageTimeout: time.Second}}
	c.join(&sinks{above: func(any) {}}, &sinks{below: func(any) {}})
	c.onUp(&Start{})
	f := frame.Text("a")
	assert.Zero(t, testing.AllocsPerRun(100, func() { c.onDown(f) }))
}

// A message that the peer is taking, however slowly, is no silence; one that it does not
// take is.
func TestMessageTimeoutWhileTheWireTakesAMessage(t *testing.T) {
	for _, client := range []bool{false, true} {
		r := idleRig(t, client)
		r.blocked = true
		r.down(frame.Binary(make([]byte, 1000)))
		for range 10 {
			r.out = r.out[1:]
			r.wait(10 * time.Second)
			require.Nil(t, r.hangup)
		}
		r.out = nil
		r.flow()
		r.wait(10*time.Second - 1)
		require.Empty(t, r.out)
		r.wait(1)
		require.NotEmpty(t, r.out)

		r = idleRig(t, client)
		r.blocked = true
		r.down(frame.Binary(make([]byte, 1000)))
		r.wait(10*time.Second + 5*time.Second)
		require.NotNil(t, r.closed)
		assert.Equal(t, ErrMessageTimeout, r.closed.Err)
	}
}

// While there is something to read that we are late with, the end waits a little: it may
// be a message. Three times at most.
func TestMessageTimeoutWhileSomethingIsToBeRead(t *testing.T) {
	r := idleRig(t, false)
	r.lastRead = r.now.Add(10 * time.Second) // that is, when it is over
	r.wait(12 * time.Second)
	require.Empty(t, r.out)
	r.hears(false, frame.Text("a"))
	for range 2 {
		r.lastRead = r.now.Add(time.Hour)
		r.wait(17*time.Second + 500*time.Millisecond - 1)
		require.Empty(t, r.out)
		r.hears(false, frame.Text("a"))
	}
	r.lastRead = r.now.Add(time.Hour)
	r.wait(17*time.Second + 500*time.Millisecond)
	require.NotEmpty(t, r.out)
}

// However often it is changed, one time is waited for.
func TestMessageTimeoutWaitsOnce(t *testing.T) {
	r := newRig(t, terms{ping: -1}.chain())
	for i := range 100 {
		r.down(&Limits{MessageTimeout: time.Minute + time.Duration(i)})
	}
	require.Len(t, r.timers, 1)
}

// What the wire takes late begins the time anew when it has: a message, and our Close.
func TestTimeBeginsWhenTheWireHasTakenIt(t *testing.T) {
	r := idleRig(t, false)
	r.blocked = true
	r.down(frame.Text("a"))
	r.wait(9 * time.Second)
	r.out = nil
	r.flow()
	r.wait(10*time.Second - 1)
	require.Empty(t, r.out)
	r.wait(1)
	require.NotEmpty(t, r.out, "our Close")
	r.wait(4 * time.Second)
	r.out = nil
	r.flow()
	r.wait(5*time.Second - 1)
	require.Nil(t, r.closed)
	r.wait(1)
	require.NotNil(t, r.closed)
}
