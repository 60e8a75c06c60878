package sockets

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type user struct{ name string }

// A server's connections can be counted by who they are, and a user be sent away; every message
// of theirs says who they are.
func TestAll(t *testing.T) {
	everywhere(t, func(w *world) {
		said := make(chan string, 10)
		h := w.handler(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*frame.Frame); ok {
				u, ok := ValueOf[*user](ctx)
				if assert.True(w, ok) {
					said <- u.name
				}
				_, ok = ValueOf[string](ctx)
				assert.False(w, ok, "it is no string")
			}
		})
		s := &Server{System: w.system, Server: quiet(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			Upgrade(w.system, rw, r, w.terms(&UpgradeServer{FrameHandler: h.pid, Value: &user{r.Header.Get("User")}}))
		}))}
		addr := w.run(s)
		peers := map[string][]*peer{}
		for _, name := range []string{"ann", "bob", "ann"} {
			p := w.dial(addr)
			p.send(handshake(addr, "User: "+name))
			p.bytes(switched())
			h.upgraded()
			p.send(masked(frame.Text("who am I?")))
			require.Equal(w, name, <-said)
			h.text("who am I?")
			peers[name] = append(peers[name], p)
		}
		count := func() map[string]int {
			n := map[string]int{}
			for conn, value := range s.All() {
				assert.NotNil(w, conn)
				n[value.(*user).name]++
			}
			return n
		}
		require.Equal(w, map[string]int{"ann": 2, "bob": 1}, count())
		for range s.All() {
			break
		}
		require.Equal(w, 2, s.CloseWhere(func(value any) bool { return value.(*user).name == "ann" }, 4005, "goodbye"))
		for _, p := range peers["ann"] {
			require.Equal(w, "goodbye", p.closes(4005))
			p.Close()
			h.untilClosed()
		}
		require.True(w, until(func() bool { return len(count()) == 1 }))
		peers["bob"][0].Close()
		h.untilClosed()
	})
}

// The value of a Conn is the Conn. One that discards what comes answers Pings, and is slowed down
// by nobody.
func TestDiscard(t *testing.T) {
	everywhere(t, func(w *world) {
		started, done := make(chan struct{}), make(chan struct{})
		var c *Conn
		s := &Server{System: w.system, Server: quiet(&SessionHandler{Options: &Options{Portable: w.portable, CreditFrames: 4},
			Serve: func(ctx context.Context, own *Conn) error {
				defer close(done)
				c = own
				_, err := c.Receive(ctx)
				assert.NoError(w, err)
				c.Discard()
				short, cancel := context.WithTimeout(ctx, time.Millisecond)
				defer cancel()
				_, err = c.Receive(short)
				assert.ErrorIs(w, err, context.DeadlineExceeded)
				close(started)
				_, err = c.Receive(ctx)
				assert.Equal(w, frame.Code(4006), CloseCode(err))
				return nil
			}})}
		p := w.upgrade(w.run(s))
		p.send(masked(frame.Text("first")))
		await(w, started)
		for _, value := range s.All() {
			assert.Same(w, c, value)
		}
		for range 100 {
			p.send(masked(frame.Text("nobody hears it")))
		}
		p.send(masked(frame.Ping([]byte("there?"))))
		require.Equal(w, "there?", p.frame().String())
		require.NoError(w, c.SendText(t.Context(), "pushed"))
		require.Equal(w, "pushed", p.frame().String())
		p.send(masked(frame.Close(4006, "")))
		p.closes(4006)
		p.Close()
		await(w, done)
	})
}

// Options.MaxAge ends connections, and RateLimit is a stage as any other.
func TestMaxAgeAndRate(t *testing.T) {
	w := newWorld(t, bare)
	h := w.handler()
	p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: &Options{MaxAge: time.Millisecond, StreamOver: 1 << 10}}))
	require.Contains(w, p.closes(frame.ServiceRestart), "old")
	p.Close()
	h.untilClosed()

	p = w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid, Stages: []pipeline.Stage{pipeline.RateLimit{Messages: 5}.Stage()}}))
	for range 30 {
		p.send(masked(frame.Text("x")))
	}
	p.closes(frame.PolicyViolation)
	p.Close()
	end := h.untilClosed()
	require.Equal(w, frame.PolicyViolation, end.Code)
}
