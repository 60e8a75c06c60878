package actors

import (
	"fmt"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// outburst has a stage send many messages within one turn.
type outburst struct{ messages int }

func outbursts(up, down pipeline.Sink) (pipeline.Sink, pipeline.Sink) {
	return up, func(item any) {
		b, ok := item.(*outburst)
		if !ok {
			down(item)
			return
		}
		for i := range b.messages {
			down(frame.Text(fmt.Sprint("message ", i)))
		}
	}
}

// What an Outbox keeps back goes out when the wire has taken what it has, whether
// or not the socket was ever full, and whatever the driver thinks is much.
func TestOutboxGoesOut(t *testing.T) {
	for _, high := range []int{0, 20, 100, usual.High} {
		t.Run(fmt.Sprint(high), func(t *testing.T) {
			everywhere(t, func(w *world) {
				h := w.handler()
				plan := w.plan(h)
				plan.Core = core(outbursts, pipeline.Outbox{Limit: 1 << 20, High: high, Policy: pipeline.DropOldest}.Stage())
				plan.Limits.Out = -1
				p := w.link(plan)
				h.greeted()
				p.tell(&outburst{100})
				for i := range 100 {
					p.text(fmt.Sprint("message ", i))
				}
				p.Close()
				h.closed()
			})
		})
	}
}
