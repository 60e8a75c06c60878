package sockets

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type note struct{ Text string }

// A value that a stage has made of a message costs the handler's credit what the message
// did: who is slow with values is not sent more than it can hold. Also where messages come
// in pieces, and no Budget is there to be asked about their memory.
func TestValuesCostCredit(t *testing.T) {
	bothRoles(t, func(w *world, ours role) {
		for name, stream := range map[string]bool{"whole": false, "in pieces": true} {
			w.in(name, func(w *world) {
				hold := make(chan struct{})
				var delivered atomic.Int32
				count := func(item any) {
					if _, ok := item.(*note); ok {
						delivered.Add(1)
					}
				}
				got := make(chan *note, 100)
				h := w.handler(func(ctx actor.Context) {
					if m, ok := ctx.Message().(*note); ok {
						got <- m
						<-hold
					}
				})
				l := w.connect(ours, h, terms{
					options: Options{CreditBytes: 10 << 10, CreditFrames: -1, Stream: stream},
					stages:  []pipeline.Stage{pipeline.Tap(count, nil), pipeline.JSON[note]()},
				})
				text := `{"Text":"` + strings.Repeat("x", 4000) + `"}`
				half := len(text) / 2
				for range 20 {
					l.write(frame.Fragment(frame.OpText, false, []byte(text[:half])), frame.Fragment(frame.OpContinuation, true, []byte(text[half:])))
				}
				assert.Len(w, (<-got).Text, 4000)
				l.tell(frame.Ping([]byte("still there"))) // input and output are of one turn, so that its answer comes after what was read before
				require.Equal(w, "still there", l.frame().String())
				assert.LessOrEqual(w, delivered.Load(), int32(3))
				close(hold)
				for range 19 {
					assert.Len(w, (<-got).Text, 4000)
				}
				l.tell(&note{"enough"})
				require.Equal(w, `{"Text":"enough"}`, l.frame().String())
				l.Close()
				h.untilClosed()
			})
		}
	})
}
