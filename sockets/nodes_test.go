package sockets

import (
	"errors"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// islands is a network of one other node, and an actors.Nodes: what is sent there lands in
// said, and nobody answers.
type islands struct {
	said chan any
	err  error
}

type awayError struct{ error }

func (awayError) Temporary() bool { return true }

func (n *islands) Reach(handler *actor.PID, _ any) (*actor.PID, error) {
	if n.err != nil {
		return nil, n.err
	}
	return actor.NewPID("far~1", handler.Id), nil
}

func (n *islands) SendUserMessage(_ *actor.PID, message any) {
	_, m, _ := actor.UnwrapEnvelope(message)
	if _, ok := m.(*actor.Touch); !ok {
		n.said <- m
	}
}
func (n *islands) SendSystemMessage(*actor.PID, any) { panic("nobody watches who is far") }
func (n *islands) Stop(*actor.PID)                   {}

func (w *world) islands() *islands {
	n := &islands{said: make(chan any, 100)}
	registry, before := w.system.ProcessRegistry, w.system.ProcessRegistry.RemoteHandlers
	w.Cleanup(func() { // the system is every test's
		registry.RemoteHandlers = before
		actors.RuntimeOf(w.system).SetNodes(nil)
	})
	registry.RegisterAddressResolver(func(pid *actor.PID) (actor.Process, bool) { return n, pid.Address == "far~1" })
	actors.RuntimeOf(w.system).SetNodes(n)
	return n
}

// A handler on another node is a handler like any other as long as its node can be reached.
func TestHandlerOfAnotherNode(t *testing.T) {
	everywhere(t, func(w *world) {
		n := w.islands()
		far := &UpgradeServer{FrameHandler: actor.NewPID("far", "room"), Options: &Options{CreditFrames: 2, CreditTimeout: -1}}
		addr := w.websocket(far)
		p := w.upgrade(addr)
		require.IsType(w, &Upgraded{}, <-n.said)
		p.send(masked(frame.Text("hello")))
		require.Equal(w, "hello", (<-n.said).(*frame.Frame).String())

		lost := errors.New("link lost")
		actors.RuntimeOf(w.system).NodeLost("elsewhere", lost, nil)
		actors.RuntimeOf(w.system).NodeLost("far~1", lost, nil)
		p.closes(frame.InternalError)
		p.Close()

		n.err = awayError{errors.New("far does not answer")}
		q := w.dial(addr)
		q.send(handshake(addr))
		a := q.answer("GET")
		assert.Equal(w, 503, a.StatusCode)
		assert.Equal(w, "far does not answer\n", a.body)
		assert.Equal(w, "1", a.Header.Get("Retry-After"))
		q.Close()
	})
}

// Another handler can take the place of one that is lost: it is told, owes nothing, and gets
// what comes next.
func TestHandlerMoves(t *testing.T) {
	everywhere(t, func(w *world) {
		n := w.islands()
		far := &UpgradeServer{FrameHandler: actor.NewPID("far", "room"), Options: &Options{CreditFrames: 2, CreditTimeout: -1}}
		p := w.upgrade(w.websocket(far))
		require.IsType(w, &Upgraded{}, <-n.said)
		for _, s := range []string{"a", "b", "c"} { // more than the credit
			p.send(masked(frame.Text(s)))
		}
		require.Equal(w, "a", (<-n.said).(*frame.Frame).String())
		require.Equal(w, "b", (<-n.said).(*frame.Frame).String())
		h := w.handler(echo)
		actors.RuntimeOf(w.system).NodeLost("far~1", errors.New("link lost"), func(lost *actor.PID) *actor.PID {
			assert.Equal(w, "room", lost.Id)
			return h.pid
		})
		_, again := h.upgraded()
		require.False(w, again.Again)
		require.Equal(w, "c", p.frame().String())
		p.send(masked(frame.Close(frame.Normal, "")))
		p.closes(frame.Normal)
		p.Close()
		require.True(w, h.untilClosed().Clean)
	})
}
