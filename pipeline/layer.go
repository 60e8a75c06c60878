package pipeline

import "slices"

// above takes what goes up, below what goes down.
type (
	above interface{ onUp(item any) }
	below interface{ onDown(item any) }
)

// layer is a stage of this package from within: an object that calls its two
// neighbours, where a Stage is two functions that were given theirs. So the layers of
// a connection can lie in one allocation, see New: as closures they would be thirty.
// One that does not care about what comes down is no below, and is passed by.
type layer interface {
	above
	stand(over above, under below)
}

// between is a layer's place.
type between struct {
	above above
	below below
}

func (b *between) stand(over above, under below) { b.above, b.below = over, under }

func (b *between) up(item any)   { b.above.onUp(item) }
func (b *between) down(item any) { b.below.onDown(item) }

// link has layers, listed from handler to wire, stand between over and under. It
// returns who takes what comes up to them, and what comes down.
func link(over above, under below, layers ...layer) (low above, high below) {
	low, high = over, under
	for i, l := range slices.Backward(layers) {
		next := over
		if i > 0 {
			next = layers[i-1]
		}
		l.stand(next, high)
		if b, ok := l.(below); ok {
			high = b
		}
	}
	if len(layers) > 0 {
		low = layers[len(layers)-1]
	}
	return low, high
}

// ends is what lies beyond a Stage, on both sides.
type ends struct{ above, below Sink }

func (e *ends) onUp(item any)   { e.above(item) }
func (e *ends) onDown(item any) { e.below(item) }

// asStage is layers as the two functions of a Stage.
func asStage(up, down Sink, layers ...layer) (onUp, onDown Sink) {
	e := &ends{up, down}
	low, high := link(e, e, layers...)
	if onUp = up; low != above(e) {
		onUp = low.onUp
	}
	if onDown = down; high != below(e) {
		onDown = high.onDown
	}
	return onUp, onDown
}

// guest is a Stage among layers.
type guest struct {
	between
	stage            Stage
	upward, downward Sink
}

func (g *guest) stand(over above, under below) {
	g.between.stand(over, under)
	g.upward, g.downward = g.stage(g.up, g.down)
}

func (g *guest) onUp(item any)   { g.upward(item) }
func (g *guest) onDown(item any) { g.downward(item) }
