package actors

import (
	"bytes"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/stretchr/testify/require"
)

// A handler may release a message at once, or have it sent on and released then:
// nobody looks at it any more, and its memory is nobody else's before.
func TestMessagesAreReleased(t *testing.T) {
	many, size := 300, 8<<10
	if testing.Short() {
		many = 60
	}
	for name, done := range map[string]func(ctx actor.Context, f *frame.Frame){
		"at once": func(ctx actor.Context, f *frame.Frame) {
			ctx.Respond(frame.Binary(bytes.Clone(f.Payload)))
			f.Release()
		},
		"when sent": func(ctx actor.Context, f *frame.Frame) { ctx.Respond(f.Handover()) },
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(w *world) {
				h := w.handler(func(ctx actor.Context) {
					if f, ok := ctx.Message().(*frame.Frame); ok {
						done(ctx, f)
					}
				}).forgetful()
				plan := w.plan(h)
				plan.Limits.Out = 0 // the peer may be slow to read, here
				p := w.link(plan)
				go func() {
					for i := range many {
						p.Write([]byte(masked(frame.Binary(bytes.Repeat([]byte{byte(i)}, size+i%7*1000)))))
					}
				}()
				for i := range many {
					f := p.frame()
					if want := bytes.Repeat([]byte{byte(i)}, size+i%7*1000); !bytes.Equal(want, f.Payload) {
						require.Fail(w, "echo is not what was sent", "%d", i)
					}
				}
				p.tell(frame.Close(frame.Normal, ""))
				p.closes(frame.Normal)
				p.Close()
				h.closed()
			})
		})
	}
}
