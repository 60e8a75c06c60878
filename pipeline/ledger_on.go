//go:build spindriftdebug

package pipeline

import (
	"fmt"
	"slices"

	"github.com/spindrift-go/spindrift/frame"
)

// ledger is the frames that a pipeline was handed over and has yet to give up: those
// that are left at its end were lost on the way.
type ledger struct {
	watched
	frames   []*frame.Frame
	under    bool // an item is under way
	panicked bool // one was, for ever
}

func (l *ledger) take(f *frame.Frame) {
	if !f.HandedOver() {
		return
	}
	if len(l.frames) == cap(l.frames) {
		l.frames = slices.DeleteFunc(l.frames, given)
	}
	l.frames = append(l.frames, f)
}

func given(f *frame.Frame) bool { return !f.Lost() }

// begin is called when an item comes in, and through when it is.
func (l *ledger) begin() { l.under = true }

// broken is deferred: of a pipeline in which a stage panics, or calls runtime.Goexit, nothing is to be expected.
func (l *ledger) broken() { l.panicked = l.panicked || l.under }

func (l *ledger) through() {
	l.under = false
	if !l.panicked {
		l.check()
	}
}

// close ends the process, where a panic of this goroutine would end a connection that has
// ended anyway.
func (l *ledger) close() {
	l.frames = slices.DeleteFunc(l.frames, given)
	if len(l.frames) > 0 && !l.panicked {
		lost := fmt.Sprintf("pipeline: %d frames were handed over, taken, and neither sent nor given up (Frame.Sent), the first: %s of %d bytes",
			len(l.frames), l.frames[0].Opcode, len(l.frames[0].Payload))
		go panic(lost)
	}
	l.frames = nil
}
