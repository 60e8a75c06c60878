package sockettest

import (
	"net"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

func leave() (stop func()) {
	done := make(chan struct{})
	go func() { <-done }()
	return func() { close(done) }
}

func TestNoLeaks(t *testing.T) {
	system := sockets.NewSystem()
	t.Run("nothing", func(t *testing.T) {
		NoLeaks(t, system)
		p := Connect(t, echo(), "/")
		p.SendText("hi")
		p.ExpectText("hi")
		p.Close(frame.Normal, "")
	})
	t.Run("a probe that is forgotten", func(t *testing.T) {
		s := &sockets.Handler{System: system, Spawn: actor.PropsFromFunc(func(actor.Context) {})}
		NoLeaks(t, system)
		Connect(t, s, "/")
	})
	t.Run("a socket that was closed, the first of all if this runs alone", func(t *testing.T) {
		NoLeaks(t)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	})
	const soon = 50 * time.Millisecond
	t.Run("leaks", func(t *testing.T) {
		var stop func()
		fails(t, func(t testing.TB) { noLeaks(t, soon, nil); stop = leave() }, "left behind:\n\tgoroutine ", "chan receive", "sockettest.leave")
		stop()
		var pid *actor.PID
		fails(t, func(t testing.TB) {
			noLeaks(t, soon, []*actor.ActorSystem{system})
			pid = system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
		}, "actor ")
		system.Root.Stop(pid)
		if runtime.GOOS == "linux" {
			var f *os.File
			fails(t, func(t testing.TB) { noLeaks(t, soon, nil); f, _ = os.Open(os.DevNull) }, "descriptor ", os.DevNull)
			f.Close()
		}
	})
}

func TestNoLeaksInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		system := sockets.NewSystem()
		fails(t, func(t testing.TB) {
			NoLeaks(t, system)
			system.Root.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
		}, "actor ")
	})
}
