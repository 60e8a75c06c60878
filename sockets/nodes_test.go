package sockets

import (
	"errors"
	"net/http"
	"strings"
	"sync"
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

	mu    sync.Mutex
	err   error
	after int // so many answers
}

// away has Reach answer err, after so many answers that are none. nil: the node is there.
func (n *islands) away(err error, after int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.err, n.after = err, after
}

type awayError struct{ error }

var errFarAway = awayError{errors.New("far does not answer")}

func (awayError) Temporary() bool { return true }

func (n *islands) Reach(handler *actor.PID, _ any) (*actor.PID, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err != nil && n.after == 0 {
		return nil, n.err
	}
	n.after--
	return actor.NewPID("far~1", handler.Id), nil
}

func (n *islands) SendUserMessage(_ *actor.PID, message any) {
	_, m, _ := actor.UnwrapEnvelope(message)
	if _, ok := m.(*actor.Touch); !ok {
		n.said <- m
	}
}
func (n *islands) SendSystemMessage(pid *actor.PID, _ any) {
	if pid.Address == "far~1" {
		panic("no connection watches who is far")
	}
}
func (n *islands) Stop(*actor.PID) {}

func (w *world) islands() *islands {
	n := &islands{said: make(chan any, 100)}
	registry, before := w.system.ProcessRegistry, w.system.ProcessRegistry.RemoteHandlers
	w.Cleanup(func() { // the system is every test's
		registry.RemoteHandlers = before
		actors.RuntimeOf(w.system).SetNodes(nil)
	})
	registry.RegisterAddressResolver(func(pid *actor.PID) (actor.Process, bool) { return n, strings.HasPrefix(pid.Address, "far") })
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

		n.away(errFarAway, 0)
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

		q := w.dialled(&UpgradeClient{FrameHandler: actor.NewPID("far", "room"), Request: &http.Request{Header: http.Header{"X-Name": {"ann"}}},
			Options: &Options{Portable: w.portable, CreditTimeout: -1}})
		first := (<-n.said).(*Upgraded)
		actors.RuntimeOf(w.system).NodeLost("far~1", errors.New("link lost"), func(*actor.PID) *actor.PID { return h.pid })
		_, again = h.upgraded()
		assert.False(w, again.Again)
		assert.Equal(w, first.Request.URL, again.Request.URL)
		assert.Equal(w, http.Header{"X-Name": {"ann"}}, again.Request.Header)
		assert.Equal(w, 101, again.Response.StatusCode)
		q.send(plain(frame.Text("hello")))
		require.Equal(w, "hello", q.frame().String())
		q.send(plain(frame.Close(frame.Normal, "")))
		q.closes(frame.Normal)
		q.Close()
		require.True(w, h.untilClosed().Clean)
	})
}

// So it is for a connection that was dialled, which is not made at all if the node cannot be reached,
// before the server is asked or after it has agreed.
func TestDialledHandlerOfAnotherNode(t *testing.T) {
	everywhere(t, func(w *world) {
		n := w.islands()
		far := w.client(&handler{pid: actor.NewPID("far", "room")})
		far.Options.CreditTimeout = -1
		p := w.dialled(far)
		require.NotNil(w, (<-n.said).(*Upgraded).Response)
		p.send(plain(frame.Text("hello")))
		require.Equal(w, "hello", (<-n.said).(*frame.Frame).String())
		actors.RuntimeOf(w.system).NodeLost("far~1", errors.New("link lost"), nil)
		p.closes(frame.InternalError)
		p.Close()

		for asks := range 2 {
			n.away(errFarAway, asks)
			addr, _, accepted := w.replying(agreed + "\r\n")
			refused := make(chan error, 1)
			far.Options.Observers = []*Observer{{Refused: func(r *Refused) { refused <- r.Err }}}
			_, err := DialActor(w.Context(), w.system, w.url(addr), far)
			var away awayError
			require.ErrorAs(w, err, &away)
			if asks > 0 {
				p := <-accepted
				p.eof()
				p.Close()
				require.ErrorAs(w, <-refused, &away)
			}
		}
		n.away(nil, 0)
		far.Options = &Options{StreamOver: 1}
		_, err := DialActor(w.Context(), w.system, "ws://127.0.0.1:1", far)
		require.ErrorIs(w, err, errStreamOver)
	})
}

// A client that comes back waits for its handler's node as it does for its server.
func TestReconnectActorAwaitsItsHandlersNode(t *testing.T) {
	everywhere(t, func(w *world) {
		n := w.islands()
		n.away(errFarAway, 0)
		addr := w.websocket(&UpgradeServer{FrameHandler: w.handler(echo).pid})
		pid, err := ReconnectActor(w.system, w.url(addr), w.client(&handler{pid: actor.NewPID("far", "room")}), &Reconnect{Backoff: fast})
		require.NoError(w, err, "it is no mistake of the program's")
		for range 2 {
			d := (<-n.said).(*Disconnected)
			require.False(w, d.Final)
			require.ErrorAs(w, d.Err, new(awayError))
		}
		n.away(nil, 0)
		for u, ok := (<-n.said).(*Upgraded); !ok; u, ok = (<-n.said).(*Upgraded) {
			require.Nil(w, u)
		}
		// Its node is lost: that is not the end of the handler.
		w.system.Root.Send(pid, &actor.Terminated{Who: actor.NewPID("far", "room"), Why: actor.TerminatedReason_AddressTerminated})
		actors.RuntimeOf(w.system).NodeLost("far~1", errors.New("link lost"), nil)
		for {
			if u, ok := (<-n.said).(*Upgraded); ok {
				require.Equal(w, 1, u.Returns)
				break
			}
		}
		w.system.Root.StopFuture(pid).Wait()
	})
}
