package pipeline

import "fmt"

// Sink takes one item, on its way up toward the handler or down toward the wire.
type Sink func(item any)

// Stage is a recipe for one step of a pipeline: it is given the neighbours that
// it may talk to, up toward the handler and down toward the wire, and returns
// the functions that take what comes up and what comes down. A direction that a
// stage does not care about costs nothing: it returns its neighbour.
//
// Five rules for authors: pass on what you do not know; keep state in locals, so
// that a Stage can be shared between connections; ask for time with an [After]
// whose Event is a type of your own; to fail the connection send a
// *frame.Error down; a frame on its way down that you do not pass on you give up,
// with its Sent. Neighbours may be called only after the recipe has
// returned: whoever needs to begin by itself waits for [Start].
type Stage func(up, down Sink) (onUp, onDown Sink)

// Chain makes one stage of several, listed from handler to wire. It panics if one of them is nil.
func Chain(stages ...Stage) Stage {
	for i, stage := range stages {
		if stage == nil {
			panic(fmt.Sprintf("pipeline: stage %d of a Chain is nil", i))
		}
	}
	return func(up, down Sink) (Sink, Sink) {
		if len(stages) == 0 {
			return up, down
		}
		// The way up is known when a stage is built, the way down is not yet: it
		// goes through the slot that the next stage will fill.
		downs := make([]Sink, len(stages))
		for i, stage := range stages {
			below := down
			if i+1 < len(stages) {
				slot := &downs[i+1]
				below = func(item any) { (*slot)(item) }
			}
			up, downs[i] = stage(up, below)
		}
		return up, downs[0]
	}
}

// Tap is a stage that shows every item to its two functions and changes nothing;
// either may be nil.
func Tap(sawUp, sawDown func(item any)) Stage {
	return func(up, down Sink) (Sink, Sink) {
		return tee(sawUp, up), tee(sawDown, down)
	}
}

func tee(saw func(any), next Sink) Sink {
	if saw == nil {
		return next
	}
	return func(item any) {
		saw(item)
		next(item)
	}
}
