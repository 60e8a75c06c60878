package sockets

import (
	"fmt"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
)

// A connection that is stopped ends where a stage that is told of it does not return.
func TestConnectionIsStoppedAnyway(t *testing.T) {
	for does, leave := range leavings {
		t.Run(does, func(t *testing.T) {
			w := newWorld(t, bare)
			h := w.handler()
			h.mortal = true
			p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h.pid, Stages: []pipeline.Stage{leavesAt(leave, isA[*Leave](true))}}))
			conn, _ := h.upgraded()
			w.system.Root.Stop(conn)
			gone(w, conn)
			h.untilClosed()
			p.eof()
		})
	}
}

// A handler that is stopped ends, its children too, and its connection hears of it, where its code does not return from one of the last
// messages.
func TestHandlerIsStoppedAnyway(t *testing.T) {
	ends := map[string]func(ctx actor.Context){
		"stop":   func(ctx actor.Context) { ctx.Stop(ctx.Self()) },
		"poison": func(ctx actor.Context) { ctx.Poison(ctx.Self()) },
		"panic":  func(ctx actor.Context) { panic("at a frame") },
		"close":  nil,
	}
	for does, leave := range leavings {
		for _, at := range []string{"*actor.Stopping", "*actor.Terminated", "*actor.Stopped"} {
			for name, end := range ends {
				for _, shared := range []bool{false, true} {
					if shared && (name == "panic" || name == "close") { // it lives on
						continue
					}
					t.Run(fmt.Sprintf("%s at %s after %s, shared: %v", does, at, name, shared), func(t *testing.T) {
						w := newWorld(t, bare)
						family := make(chan *actor.PID, 2)
						props := actor.PropsFromFunc(func(ctx actor.Context) {
							switch message := ctx.Message(); {
							case fmt.Sprintf("%T", message) == at:
								leave()
							case isA[*Upgraded](false)(message, false):
								family <- ctx.Self()
								family <- ctx.Spawn(actor.PropsFromFunc(func(actor.Context) {}))
							case isA[*frame.Frame](false)(message, false):
								end(ctx)
							}
						}, Dispatcher(w.system))
						u := &UpgradeServer{Spawn: props}
						if shared {
							u = &UpgradeServer{FrameHandler: w.system.Root.Spawn(props)}
						}
						p := w.upgrade(w.websocket(u))
						handler, child := <-family, <-family
						if end != nil {
							p.send(masked(frame.Text("end")))
							p.closes(frame.InternalError)
						}
						p.Close()
						gone(w, child)
						gone(w, handler)
					})
				}
			}
		}
	}
}

// Where a handler's own mailbox is proto.actor's, a panic at the very end is told, too.
func TestHandlerElsewherePanicsAtItsEnd(t *testing.T) {
	w := newWorld(t, bare)
	h := w.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		if _, ok := ctx.Message().(*actor.Stopped); ok {
			panic("on purpose")
		}
	}))
	p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h}))
	w.system.Root.Stop(h)
	p.closes(frame.InternalError)
	p.Close()
}

// A handler that is being stopped, and fails at a message while its child has not ended yet, is not restarted.
func TestHandlerFailsWhileItIsStopped(t *testing.T) {
	for does, leave := range leavings {
		t.Run(does, func(t *testing.T) {
			w := newWorld(t, bare)
			begun, stopping, failing, ended := make(chan struct{}), make(chan struct{}), make(chan struct{}), make(chan struct{})
			child := actor.PropsFromFunc(func(ctx actor.Context) {
				if isA[*actor.Stopping](false)(ctx.Message(), false) {
					close(stopping)
					<-ended
				}
			})
			started := 0
			h := w.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				switch ctx.Message().(type) {
				case *actor.Started:
					started++
				case *Upgraded:
					ctx.Spawn(child)
					close(begun)
				case string:
					defer close(failing)
					leave()
				case *actor.Stopped:
					assert.Equal(t, 1, started)
				}
			}, Dispatcher(w.system)))
			p := w.upgrade(w.websocket(&UpgradeServer{FrameHandler: h}))
			<-begun
			w.system.Root.Stop(h)
			<-stopping
			w.system.Root.Send(h, "fail")
			<-failing
			close(ended)
			p.closes(frame.InternalError)
			p.Close()
			gone(w, h)
		})
	}
}
