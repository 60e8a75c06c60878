package sockets

import (
	"testing"

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
