package differential

import (
	"fmt"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
)

// reading is what an implementation makes of some bytes: what it hands over, and how
// it ends.
type reading struct {
	events []string
	end    string // open, closed or failed, with a code
	why    string // it failed
}

// The ends of a reading.
const open = "open"

func closed(code int, reason string) string { return fmt.Sprintf("closed %d %q", code, reason) }
func failed(code int) string                { return fmt.Sprintf("failed %d", code) }

// handed is an event: what was handed over.
func handed(what string, payload []byte) string { return fmt.Sprintf("%s %q", what, payload) }

// ours is Spindrift's reading: the stages that make WebSocket, fed with pieces of
// n bytes, n = 0: in one. Odd pieces go to where a stage wants to have them.
func ours(p []byte, client bool, n int) reading {
	return tell(p, n, pipeline.Chain(
		pipeline.Assemble,
		pipeline.Text,
		pipeline.Closing{Client: client}.Stage(),
		pipeline.Codec{Client: client}.Stage(),
	))
}

func tell(p []byte, n int, stages pipeline.Stage) (s reading) {
	var onUp pipeline.Sink
	var settle bool
	up := func(item any) {
		switch m := item.(type) {
		case *frame.Frame:
			s.events = append(s.events, handed(m.Opcode.String(), m.Payload))
		case *pipeline.Closed:
			s.end = closed(int(m.Code), m.Reason)
			if e, ok := m.Err.(*frame.Error); ok {
				s.end, s.why = failed(int(e.Code)), e.Reason
			}
			if m.Code == frame.Abnormal {
				s.end = open
			}
		}
	}
	down := func(item any) {
		if _, ok := item.(*pipeline.Settle); ok {
			settle = true
		}
	}
	onUp, _ = stages(up, down)
	onUp(&pipeline.Start{})
	for len(p) > 0 {
		k := len(p)
		if n > 0 {
			k = min(n, k)
		}
		var space pipeline.Space
		if n&1 != 0 {
			onUp(&space)
		}
		if len(space.Buf) > 0 {
			k = min(k, len(space.Buf))
		}
		onUp(&pipeline.Input{Data: append(space.Buf[:0], p[:k]...)})
		if p = p[k:]; settle {
			settle = false
			onUp(&pipeline.Settled{})
		}
	}
	onUp(&pipeline.Lost{})
	return s
}
