package actors

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/require"
)

// What one read brings is handed over at once, and yet the handler, and middleware in front
// of it, get message after message, each with its sender, and the others wait in the count.
func TestOneReadIsHandedOverMessageByMessage(t *testing.T) {
	for _, own := range []bool{false, true} {
		t.Run(map[bool]string{false: "shared", true: "own"}[own], func(t *testing.T) {
			virtually(t, func(w *world) {
				var told []string
				var left []int
				var senders []*actor.PID
				var mailbox interface{ UserMessageCount() int }
				h := w.spawned()
				middleware := actor.WithReceiverMiddleware(func(next actor.ReceiverFunc) actor.ReceiverFunc {
					return func(ctx actor.ReceiverContext, e *actor.MessageEnvelope) {
						switch m := e.Message.(type) {
						case *frame.Frame:
							told = append(told, m.String())
							senders = append(senders, e.Sender)
							mailbox = w.rt.handlers.Mailbox(ctx.Self())
							left = append(left, mailbox.UserMessageCount())
						case *actor.Touch:
							told = append(told, "touch")
						}
						next(ctx, e)
					}
				})
				h.props = h.props.Clone(middleware, w.rt.dispatcher.Option())
				if !own {
					h.pid = w.system.Root.Spawn(h.props)
					w.Cleanup(func() { w.system.Root.PoisonFuture(h.pid).Wait() })
				}
				plan := w.plan(h)
				plan.Limits = &Limits{CreditFrames: 4}
				p, f := w.startFake(plan)
				f.arrives(strings.Join([]string{masked(frame.Text("a")), masked(frame.Text("b")), masked(frame.Text("c"))}, ""))
				synctest.Wait()
				require.Equal(t, []string{"a", "b", "touch", "c"}, told, "a Touch after half of the credit")
				require.Equal(t, []int{3, 2, 0}, left, "messages that wait behind each")
				for _, sender := range senders {
					require.Equal(t, p.pid, sender)
				}
				w.system.Root.StopFuture(p.pid).Wait()
				synctest.Wait()
			})
		})
	}
}

// What is given to a handler that has ended, before its connection has heard of that, is a
// dead letter, as what is sent to its PID.
func TestHandOverToAHandlerThatHasEnded(t *testing.T) {
	virtually(t, func(w *world) {
		h := w.handler()
		mailbox := w.rt.handlers.Mailbox(h.pid)
		require.Nil(t, mailbox, "proto.actor's own")
		pid := w.system.Root.Spawn(h.props.Clone(w.rt.dispatcher.Option()))
		mailbox = w.rt.handlers.Mailbox(pid)
		require.NotNil(t, mailbox)
		require.True(t, mailbox.PostAll([]any{"heard"}))
		w.system.Root.PoisonFuture(pid).Wait()
		require.False(t, mailbox.PostAll([]any{"lost"}))

		var dead []any
		events := w.system.EventStream.Subscribe(func(event any) {
			if e, ok := event.(*actor.DeadLetterEvent); ok {
				dead = append(dead, e.Message)
			}
		})
		defer w.system.EventStream.Unsubscribe(events)
		s := &stream{conn: &conn{rt: w.rt, ctx: sender{pid: h.pid, root: w.system.Root}}, handler: mailbox}
		s.beginTurn()
		s.give(pid, "lost")
		s.post(pid)
		require.Equal(t, []any{"lost"}, dead)
		s.endTurn()
	})
}

// sender is as much of a connection's context as sending needs.
type sender struct {
	actor.Context
	pid  *actor.PID
	root *actor.RootContext
}

func (s sender) Self() *actor.PID                { return s.pid }
func (s sender) Send(to *actor.PID, message any) { s.root.Send(to, message) }
