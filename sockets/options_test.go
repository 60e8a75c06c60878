package sockets

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The options that are in force can be read: the defaults, what the program has set, and what
// it has changed since; by code with a Conn and by actors.
func TestOptionsInForce(t *testing.T) {
	everywhere(t, func(w *world) {
		addr := w.session(&Options{MaxMessage: 5000, MaxFragments: -1, PingInterval: time.Minute}, echoes)
		c := w.open(addr, &Options{MaxFrame: 3000})
		o := c.Options()
		assert.EqualValues(w, 3000, o.MaxFrame)
		assert.EqualValues(w, defaultMaxMessage, o.MaxMessage)
		assert.Equal(w, defaultCreditFrames, o.CreditFrames)
		c.SetOptions(&SetOptions{MaxMessage: 77, HighWater: -1})
		c.SetOptions(&SetOptions{MaxFragments: 5})
		c.SetOptions(nil)
		o = c.Options()
		assert.EqualValues(w, 77, o.MaxMessage)
		assert.Equal(w, -1, o.HighWater)
		assert.Equal(w, 5, o.MaxFragments)
		assert.EqualValues(w, 3000, o.MaxFrame)
		require.NoError(w, c.Close(frame.Normal, ""))
		assert.EqualValues(w, defaultMaxMessage, c.Options().MaxMessage, "of one that has ended")
	})
	everywhere(t, func(w *world) {
		got := make(chan *Options, 2)
		h := w.handler(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *Upgraded:
				ctx.Request(ctx.Sender(), &GetOptions{})
				ctx.Send(ctx.Sender(), &SetOptions{PingTimeout: time.Hour})
				ctx.Request(ctx.Sender(), &GetOptions{})
			case *Options:
				got <- m
			}
		})
		w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: &Options{ControlRate: 9}}))
		before, after := <-got, <-got
		assert.Equal(w, 9, before.ControlRate)
		assert.Equal(w, defaultPingTimeout, before.PingTimeout)
		assert.Equal(w, time.Hour, after.PingTimeout)
		assert.Equal(w, w.portable, after.Portable)
	})
}

// Who lets messages be longer need not know that a browser sends one in one frame: where MaxFrame is not set it
// follows MaxMessage, from the beginning and when that is changed.
func TestFramesFollowMessages(t *testing.T) {
	everywhere(t, func(w *world) {
		long := make([]byte, 2<<20)
		addr := w.session(&Options{MaxMessage: 3 << 20}, echoes)
		echoed := func(c *Conn) {
			require.NoError(w, c.SendBinary(w.within(), long))
			got, err := c.ReceiveBinary(w.within())
			require.NoError(w, err)
			require.Len(w, got, len(long))
		}
		c := w.open(addr, &Options{MaxMessage: -1})
		assert.EqualValues(w, -1, c.Options().MaxFrame)
		echoed(c)
		c = w.open(addr, &Options{})
		assert.EqualValues(w, defaultMaxFrame, c.Options().MaxFrame)
		c.SetOptions(&SetOptions{MaxMessage: 5 << 20})
		assert.EqualValues(w, 5<<20, c.Options().MaxFrame)
		echoed(c)
		c.SetOptions(&SetOptions{MaxMessage: 100})
		assert.EqualValues(w, defaultMaxFrame, c.Options().MaxFrame)
		c.SetOptions(&SetOptions{MaxFrame: 7})
		c.SetOptions(&SetOptions{MaxMessage: -1})
		assert.EqualValues(w, 7, c.Options().MaxFrame, "it was set")
	})
}

// Nor that a long message may be written in many pieces: MaxFragments follows likewise.
func TestFragmentsFollowMessages(t *testing.T) {
	everywhere(t, func(w *world) {
		addr := w.session(&Options{MaxMessage: 3 << 20}, func(ctx context.Context, c *Conn) error {
			m, err := c.Receive(ctx)
			if err != nil {
				return err
			}
			return c.SendText(ctx, fmt.Sprint(len(m.Payload)))
		})
		c := w.open(addr, &Options{})
		const pieces = 2 * defaultMaxFragments
		for i := range pieces {
			op := frame.OpContinuation
			if i == 0 {
				op = frame.OpBinary
			}
			require.NoError(w, c.Send(w.Context(), frame.Fragment(op, i == pieces-1, make([]byte, 10))))
		}
		got, err := c.ReceiveText(w.within())
		require.NoError(w, err)
		assert.Equal(w, fmt.Sprint(10*pieces), got)

		assert.Equal(w, defaultMaxFragments, c.terms.MaxFragments)
		c = w.open(addr, &Options{MaxMessage: 1 << 62})
		assert.Equal(w, math.MaxInt32, c.Options().MaxFragments)
		c.SetOptions(&SetOptions{MaxMessage: 2 << 20})
		assert.Equal(w, 2*defaultMaxFragments, c.Options().MaxFragments)
		c.SetOptions(&SetOptions{MaxMessage: 100})
		assert.Equal(w, defaultMaxFragments, c.Options().MaxFragments)
		c.SetOptions(&SetOptions{MaxMessage: -1})
		assert.Equal(w, -1, c.Options().MaxFragments)
		c.SetOptions(&SetOptions{MaxFragments: 7})
		assert.Equal(w, 7, c.Options().MaxFragments, "it was set")
	})
}

// A server's options are those of its routes where these leave a field, and so are those that
// a handler was wrapped with: further inside counts.
func TestOptionsAreRefined(t *testing.T) {
	everywhere(t, func(w *world) {
		got := make(chan Options, 1)
		session := func(o *Options) http.Handler {
			return &SessionHandler{Options: o, Serve: func(ctx context.Context, c *Conn) error {
				got <- c.Options()
				return nil
			}}
		}
		mux := http.NewServeMux()
		mux.Handle("/plain", session(nil))
		mux.Handle("/refined", session(&Options{MaxFrame: 3}))
		inner := http.NewServeMux()
		inner.Handle("/inner/plain", session(nil))
		inner.Handle("/inner/refined", session(&Options{MaxFrame: 3, MaxMessage: -1}))
		mux.Handle("/inner/", WithOptions(&Options{MaxFrame: 2, MaxMessage: 2, MaxFragments: 2}, inner))
		s := &Server{Server: quiet(mux), System: w.system, Options: &Options{MaxFrame: 1, MaxOut: 1, Portable: w.portable}}
		addr := w.run(s)
		for path, want := range map[string]Options{
			"/plain":         {MaxFrame: 1, MaxMessage: defaultMaxMessage, MaxFragments: defaultMaxFragments, MaxOut: 1},
			"/refined":       {MaxFrame: 3, MaxMessage: defaultMaxMessage, MaxFragments: defaultMaxFragments, MaxOut: 1},
			"/inner/plain":   {MaxFrame: 2, MaxMessage: 2, MaxFragments: 2, MaxOut: 1},
			"/inner/refined": {MaxFrame: 3, MaxMessage: -1, MaxFragments: 2, MaxOut: 1},
		} {
			c := w.openAt(addr, path)
			o := <-got
			assert.Equal(w, want, Options{MaxFrame: o.MaxFrame, MaxMessage: o.MaxMessage, MaxFragments: o.MaxFragments, MaxOut: o.MaxOut}, path)
			assert.Equal(w, w.portable, o.Portable)
			<-c.Done()
		}
	})
}

// openAt opens a WebSocket at a path of addr.
func (w *world) openAt(addr, path string) *Conn {
	w.Helper()
	scheme := map[bool]string{true: "wss", false: "ws"}[w.tls]
	c, err := Dial(w.within(), scheme+"://"+addr+path, &DialOptions{System: w.system, Options: &Options{Portable: w.portable}, Dialer: Dialer{TLS: clientTLS()}})
	require.NoError(w, err)
	w.Cleanup(c.Cut)
	return c
}

// What became of two Options is made once, and goes when one of them does.
func TestRefinementGoesWithItsOptions(t *testing.T) {
	before := count(&refinements)
	base, own := &Options{MaxFrame: 1}, &Options{MaxOut: 1}
	assert.Same(t, own.over(base), own.over(base))
	assert.Equal(t, &Options{MaxFrame: 1, MaxOut: 1}, own.over(base))
	assert.Same(t, own, own.over(nil))
	assert.Same(t, own, own.over(own))
	assert.Same(t, base, (*Options)(nil).over(base))
	for range 10 {
		new(Options).over(base)
	}
	require.True(t, until(func() bool { runtime.GC(); return count(&refinements) <= before+1 }), "refinements are left")
	runtime.KeepAlive(own)
}
