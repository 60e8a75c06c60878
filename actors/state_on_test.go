//go:build spindriftdebug

package actors

import (
	"io"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A state that cannot be is noticed, one contradiction at a time.
func TestImpossible(t *testing.T) {
	w := newWorld(t, onPoller)
	h := w.handler(echo)
	p := w.link(w.plan(h))
	h.greeted()
	p.send(masked(frame.Text("x")))
	p.text("x")
	for want, contradict := range map[string]func(s *stream){
		"the end is due, and the turn is over":            func(s *stream) { s.endDue = true },
		"paused by the peer without a reason":             func(s *stream) { s.reading = pausedByPeer },
		"paused by us for the peer":                       func(s *stream) { s.reading = pausedByUs },
		"read, and the handler has said Pause":            func(s *stream) { s.onHold = true },
		"read, and a stage holds enough":                  func(s *stream) { s.throttled = true },
		"input waits, and is not paused":                  func(s *stream) { s.rare = &rare{pauses: &pauses{pending: pendingInput{rest: []byte{1}}}} },
		"failed, and our half is open":                    func(s *stream) { s.rare = &rare{ends: endState{writeErr: io.EOF}} },
		"failed, and output waits":                        func(s *stream) { s.rare, s.out.blocked = &rare{ends: endState{writeErr: io.EOF}}, true },
		"our half is closed for no reason":                func(s *stream) { s.out.halfClosed = true },
		"failed, and to hang up":                          func(s *stream) { s.rare = &rare{ends: endState{writeErr: io.EOF, hangup: &pipeline.Hangup{}}} },
		"the end is timed and nothing ends":               func(s *stream) { s.rare = &rare{ends: endState{timed: true}} },
		"paused, and nobody hears":                        func(s *stream) { s.reading, s.hearing = pausedByPeer, hearsNothing },
		"the flag of creditCheck":                         func(s *stream) { s.creditWatched = !s.creditWatched },
		"the flag of stallCheck":                          func(s *stream) { s.out.stallWatched = true },
		"the flag of slowCheck":                           func(s *stream) { s.out.slowWatched = true },
		"more is to be answered for than was handed over": func(s *stream) { s.credit.bytes = -1 },
	} {
		p.look(func(s *stream) {
			require.Empty(t, s.impossible())
			was := *s
			contradict(s)
			assert.Contains(t, s.impossible(), want)
			*s = was
		})
	}
	p.Close()
	h.closed()
}
