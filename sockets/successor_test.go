package sockets

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A handler that takes the place of one that stops, under its name, keeps its own connections, and is told of their end: those of the
// other end.
func TestHandlerTakesThePlaceOfAnother(t *testing.T) {
	for name, options := range map[string]func(w *world) []actor.PropsOption{
		"of the dispatcher":  func(w *world) []actor.PropsOption { return []actor.PropsOption{Dispatcher(w.system)} },
		"a goroutine's each": func(*world) []actor.PropsOption { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			ended := make(chan *Closed, 9)
			stopping, stopped := make(chan struct{}), make(chan struct{})
			desk := func(who string) *actor.PID {
				pid, err := w.system.Root.SpawnNamed(actor.PropsFromFunc(func(ctx actor.Context) {
					switch m := ctx.Message().(type) {
					case *frame.Frame:
						ctx.Respond(frame.Text(who))
					case *Closed:
						ended <- m
					case *actor.Stopped: // its name is free, and nobody has been told
						if who == "first" {
							close(stopping)
							<-stopped
						}
					}
				}, options(w)...), "desk")
				require.NoError(w, err)
				return pid
			}
			says := func(c *Conn, who string) {
				require.NoError(w, c.SendText(w.within(), "who?"))
				text, err := c.ReceiveText(w.within())
				require.NoError(w, err)
				require.Equal(w, who, text)
			}
			lost := func(c *Conn) {
				_, err := c.Receive(w.within())
				require.Equal(w, frame.InternalError, CloseCode(err), err)
			}
			first := desk("first")
			addr := w.websocket(&UpgradeServer{FrameHandler: first})
			before := w.open(addr, nil)
			says(before, "first")
			w.system.Root.Stop(first)
			<-stopping
			second := desk("second")
			after := w.open(addr, nil)
			says(after, "second")
			close(stopped)
			lost(before)
			says(after, "second")
			require.NoError(w, after.Close(frame.Normal, ""))
			assert.True(w, (<-ended).Clean)
			last := w.open(addr, nil)
			says(last, "second")
			w.system.Root.Stop(second)
			lost(last)
		})
	}
}
