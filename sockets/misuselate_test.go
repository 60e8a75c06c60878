package sockets

import (
	"context"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Send and Writer to an actor that is no connection are told so: nobody would ever answer them.
func TestSendToWhatIsNoConnection(t *testing.T) {
	w := newWorld(t, bare)
	addr := w.dropIn(Session(echoes))
	nothing := actor.PropsFromFunc(func(actor.Context) {})
	plain := w.system.Root.Spawn(nothing)
	back, err := ReconnectActor(w.system, "ws://"+addr, &UpgradeClient{Spawn: nothing}, nil)
	require.NoError(t, err)
	speaksHTTP, err := Connect(w.within(), w.system, "http://"+addr, nil)
	require.NoError(t, err)
	const noConnection = "sockets: send: not a connection of this actor system"
	for _, to := range []struct {
		pid  *actor.PID
		want string
	}{
		{plain, noConnection},
		{back, noConnection},
		{actor.NewPID("elsewhere", "1"), noConnection},
		{speaksHTTP, "sockets: send: the connection speaks HTTP: upgrade it first"},
	} {
		assert.EqualError(t, Send(w.within(), w.system, to.pid, frame.Text("x")), to.want)
		out, err := Writer(w.within(), w.system, to.pid, frame.OpText)
		require.NoError(t, err)
		assert.EqualError(t, out.Close(), to.want)
	}
	for _, pid := range []*actor.PID{plain, back, speaksHTTP} {
		w.system.Root.StopFuture(pid).Wait()
	}
}

// A Shutdown without a context does nothing, and says so.
func TestShutdownWithoutContext(t *testing.T) {
	w := newWorld(t, bare)
	var nobody context.Context
	s := &Server{Server: http.Server{Handler: Session(echoes)}, System: w.system}
	c := w.open(w.run(s), nil)
	assert.ErrorIs(t, s.Shutdown(nobody), ErrNilContext)
	assert.ErrorIs(t, (&Handler{System: w.system}).Shutdown(nobody), ErrNilContext)
	require.NoError(t, c.SendText(w.within(), "still here"))
	_, err := c.Receive(w.within())
	require.NoError(t, err)
	assert.Equal(t, 1, s.CloseWhere(nil, frame.Normal, "all of you"))
	_, err = c.Receive(w.within())
	assert.ErrorContains(t, err, "all of you")
}

// A zero LocalRoom is a room with the defaults.
func TestZeroRoom(t *testing.T) {
	w := newWorld(t, bare)
	c := w.open(w.dropIn(Session(echoes)), nil)
	room := LocalRoom{limits: RoomOptions{System: w.system}} // a test's system is none of NewSystem's
	require.NoError(t, room.Join(c.PID(), "ann"))
	require.NoError(t, room.Send(frame.Text("hello")))
	assert.Equal(t, NewRoom(nil).limits.MaxOut, room.limits.MaxOut)
	assert.Equal(t, []string{"ann"}, names(&room))
	m, err := c.ReceiveText(w.within())
	require.NoError(t, err)
	assert.Equal(t, "hello", m, "the server's echo of it")
	require.NoError(t, c.Close(frame.Normal, ""))
}

// A room that is to keep all messages takes no memory for those that have not come.
func TestHistoryOfEverything(t *testing.T) {
	room := NewRoom(&RoomOptions{History: math.MaxInt})
	for range 3 {
		require.NoError(t, room.Send(frame.Text("x")))
	}
	var kept []uint64
	for n := range room.Since(1) {
		kept = append(kept, n)
	}
	assert.Equal(t, []uint64{2, 3}, kept)
}

// The largest numbers are limits like others.
func TestLimitsWithoutEnd(t *testing.T) {
	w := newWorld(t, bare)
	c := w.open(w.dropIn(&SessionHandler{Serve: echoes, Options: &Options{ControlRate: math.MaxInt}}), nil)
	go c.Receive(w.within())
	_, err := c.Ping(w.within())
	require.NoError(t, err)
	require.NoError(t, c.Close(frame.Normal, ""))
}

// What is nil is no message.
func TestIncomingOfNil(t *testing.T) {
	for _, item := range []any{nil, (*frame.Frame)(nil), (*Message)(nil)} {
		_, ok := IncomingOf(item)
		assert.False(t, ok)
	}
}

// A nil frame, error or Leave ends the connection that was sent it, in one line.
func TestNilIsSent(t *testing.T) {
	w := newWorld(t, bare)
	addr := w.dropIn(Session(echoes))
	for _, message := range []any{(*frame.Frame)(nil), (*frame.Error)(nil), (*Leave)(nil)} {
		c := w.open(addr, nil)
		w.system.Root.Send(c.PID(), message)
		_, err := c.Receive(w.within())
		assert.EqualError(t, err, `sockets: connection closed by this side with 1011 "handler sent a nil frame, error or Leave"`)
	}
}

// A client that comes back is told of a nil frame that it has lost, as long as it is away, and goes on.
func TestNilIsSentWhileAway(t *testing.T) {
	w := newWorld(t, bare)
	told := make(chan any, 10)
	pid, err := ReconnectActor(w.system, "ws://127.0.0.1:1", &UpgradeClient{Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *Dropped, *Disconnected:
			told <- m
		}
	})}, &Reconnect{Backoff: Backoff{Floor: time.Hour}, Queue: 10})
	require.NoError(t, err)
	assert.IsType(t, new(Disconnected), <-told)
	w.system.Root.Send(pid, (*frame.Frame)(nil))
	assert.Equal(t, &Dropped{Messages: 1}, <-told)
	w.system.Root.StopFuture(pid).Wait()
	last := (<-told).(*Disconnected)
	assert.True(t, last.Final)
	assert.Equal(t, 1, last.Attempts, "it was not started anew")
}
