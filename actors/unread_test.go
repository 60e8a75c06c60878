package actors

import (
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// A handler that is slow keeps us from reading the rest of a message: that is not
// the peer's fault, however long it takes. What the peer itself takes is.
func TestMessageTimeWithASlowHandler(t *testing.T) {
	virtually(t, func(w *world) {
		busy := true
		h := w.handler(func(ctx actor.Context) {
			if f, ok := ctx.Message().(*frame.Frame); ok && f.Opcode == frame.OpPing && busy {
				busy = false
				time.Sleep(10 * time.Minute)
			}
		})
		plan := w.plan(h)
		plan.Top = pipeline.AutoPong{Show: true}.Stage()
		plan.Core = pipeline.Chain(pipeline.Assemble, pipeline.Limit{Time: time.Minute}.Stage(), pipeline.Closing{}.Stage(), pipeline.Codec{}.Stage())
		plan.Limits.CreditFrames = 2
		p := w.link(plan)
		h.greeted()
		p.send(masked(frame.Fragment(frame.OpText, false, []byte("to be "))), masked(frame.Ping(nil)), masked(frame.Ping(nil)), masked(frame.Ping(nil)))
		for range 2 {
			p.frame()
		}
		time.Sleep(9 * time.Minute)
		p.frame() // when the handler has done
		p.send(masked(frame.Fragment(frame.OpContinuation, false, []byte("contin"))))
		time.Sleep(50 * time.Second)
		p.send(masked(frame.Fragment(frame.OpContinuation, true, []byte("ued"))))
		for range 3 {
			expect[*frame.Frame](h)
		}
		h.text("to be continued")

		p.send(masked(frame.Fragment(frame.OpText, false, []byte("to be "))))
		p.closes(frame.PolicyViolation)
		p.send(masked(frame.Close(frame.PolicyViolation, "")))
		p.Close()
		h.closed()
	})
}
