package sockets

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/router"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A handler's receive timeout fires although Pings and Pongs go to and fro: nothing of that
// is told to who does not ask.
func TestReceiveTimeoutOfAHandler(t *testing.T) {
	if racing {
		t.Skip("proto.actor's receive timeout races with its own timer")
	}
	everywhere(t, func(w *world) {
		h := w.spawned(func(ctx actor.Context) {
			switch ctx.Message().(type) {
			case *Upgraded:
				ctx.SetReceiveTimeout(300 * time.Millisecond)
			case *actor.ReceiveTimeout:
				ctx.CancelReceiveTimeout()
				ctx.Send(w.system.NewLocalPID(ctx.Self().Id[:len(ctx.Self().Id)-len("/handler")]), frame.Close(4000, "idle"))
			}
		})
		p := w.upgrade(w.websocket(&UpgradeServer{Spawn: h.props, Options: &Options{PingInterval: 50 * time.Millisecond}}))
		for pongs := 0; ; pongs++ {
			f := p.frame()
			if f.Opcode == frame.OpPing {
				p.send(masked(frame.Pong(f.Payload)))
				continue
			}
			require.Equal(w, frame.OpClose, f.Opcode)
			code, _ := f.CloseStatus()
			require.EqualValues(w, 4000, code)
			require.NotZero(w, pongs)
			break
		}
		p.send(masked(frame.Close(4000, "")))
		p.Close()
		h.untilClosed()
	})
}

// By option a handler that was restarted loses its connections at once.
func TestEndOnRestart(t *testing.T) {
	everywhere(t, func(w *world) {
		h := w.handler(func(ctx actor.Context) {
			if _, ok := ctx.Message().(*frame.Frame); ok {
				panic("on purpose")
			}
		})
		addr := w.websocket(&UpgradeServer{FrameHandler: h.pid, Options: &Options{EndOnRestart: true}})
		other := w.handler(echo)
		stays := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: other.pid, Options: &Options{EndOnRestart: true}}))
		p, q := w.upgrade(addr), w.upgrade(addr)
		h.upgraded()
		h.upgraded()
		p.send(masked(frame.Text("panic")))
		for _, p := range []*peer{p, q} {
			p.closes(frame.InternalError)
			p.Close()
			assert.ErrorIs(w, h.untilClosed().Err, ErrHandlerPanicked)
		}
		stays.send(masked(frame.Text("still here")))
		require.Equal(w, "still here", stays.frame().String())
		stays.Close()
		other.untilClosed()
	})
}

// A handler behind a router: one that routes whatever comes gives credit, one that drops
// what it cannot hash does not, and its connections end with an error that says so.
func TestHandlersBehindARouter(t *testing.T) {
	const messages = 300 // several times the credit
	w := newWorld(t, bare)
	h := w.handler()
	h.mortal = true // a router that drops may drop anything
	for name, props := range map[string]*actor.Props{
		"round robin":     router.NewRoundRobinGroup(h.pid),
		"consistent hash": router.NewConsistentHashGroup(h.pid),
	} {
		pid := w.system.Root.Spawn(props)
		before := h.frames()
		p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: pid, Options: &Options{CreditTimeout: 300 * time.Millisecond}}))
		p.send(numbered(messages))
		if name == "round robin" {
			require.True(t, until(func() bool { return h.frames() == before+messages }))
			p.send(masked(frame.Close(frame.Normal, "")))
			p.closes(frame.Normal)
		} else {
			assert.Contains(t, p.closes(frame.InternalError), "handler")
		}
		p.Close()
		w.system.Root.StopFuture(pid).Wait()
	}
}
