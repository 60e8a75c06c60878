package sockets

import (
	"io"
	"net"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What was sent by who has heard of a connection before its client has, and the client hears of its end for good instead, is told as
// lost, and a Flush is answered.
func TestReconnectTellsWhatItHeld(t *testing.T) {
	for name, end := range map[string]func(ctx actor.Context, a *attempt){
		"the end of the connection": func(ctx actor.Context, a *attempt) {
			ctx.Send(ctx.Self(), &connectionOver{attempt: a, closed: &Closed{Code: frame.Normal, By: Peer, Clean: true}, held: 1})
		},
		"it is stopped": func(ctx actor.Context, _ *attempt) { ctx.Stop(ctx.Self()) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, bare)
			h := w.handler()
			addr := w.accepting(func(nc net.Conn) { io.Copy(io.Discard, nc) })
			c := &comeback{Reconnect: new(Reconnect), system: w.system, address: w.url(addr), upgrade: *w.client(h)}
			c.queue = awayQueue[kept]{policy: c.Reconnect, size: func(kept) int { return 2 }}
			type opens struct{}
			type over struct{}
			pid := w.system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				switch ctx.Message().(type) {
				case *opens:
					c.Receive(envelope{ctx, &connectionOpens{c.last}})
				case *over:
					end(ctx, c.last)
				default:
					c.Receive(ctx)
				}
			}))
			w.system.Root.Send(pid, &opens{})
			w.system.Root.Send(pid, frame.Text("hi"))
			w.system.Root.Send(pid, frame.Ping(nil))
			w.system.Root.Send(pid, (*frame.Frame)(nil))
			flushed := w.system.Root.RequestFuture(pid, &Flush{}, testTimeout)
			w.system.Root.Send(pid, &over{})
			m, err := flushed.Result()
			require.NoError(t, err)
			assert.Error(t, m.(*Flushed).Err)
			assert.Equal(t, Dropped{Messages: 2, Bytes: 2}, *expect[*Dropped](h))
			assert.True(t, expect[*Disconnected](h).Final)
		})
	}
}

// envelope is a context with another message.
type envelope struct {
	actor.Context
	message any
}

func (e envelope) Message() any { return e.message }
