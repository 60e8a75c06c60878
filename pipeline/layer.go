package pipeline

// layer is a stage of this package from within: an object that calls its two
// neighbours, where a Stage is two functions that were given theirs. So the layers of
// a connection can lie in one allocation, see New: as closures they would be thirty.
type layer interface {
	onUp(item any)
	onDown(item any)
	stand(above, below layer)
}

// between is a layer's place. What a layer does not care about passes.
type between struct{ above, below layer }

func (b *between) stand(above, below layer) { b.above, b.below = above, below }

func (b *between) up(item any)   { b.above.onUp(item) }
func (b *between) down(item any) { b.below.onDown(item) }

// rising is the place of a layer that does not care about what comes down:
// nobody sends it anything.
type rising struct{ between }

func (r *rising) onDown(item any) { r.down(item) }
func (r *rising) onlyUp()         {}

func onlyUp(l layer) bool {
	_, yes := l.(interface{ onlyUp() })
	return yes
}

// link has layers, listed from handler to wire, stand between above and below. It
// returns who takes what comes up to them, and what comes down.
func link(above, below layer, layers ...layer) (low, high layer) {
	low, high = above, below
	for i := len(layers) - 1; i >= 0; i-- {
		over := above
		if i > 0 {
			over = layers[i-1]
		}
		layers[i].stand(over, high)
		if !onlyUp(layers[i]) {
			high = layers[i]
		}
	}
	if len(layers) > 0 {
		low = layers[len(layers)-1]
	}
	return low, high
}

// ends is what lies beyond a Stage, on both sides.
type ends struct{ above, below Sink }

func (e *ends) onUp(item any)      { e.above(item) }
func (e *ends) onDown(item any)    { e.below(item) }
func (e *ends) stand(layer, layer) {}

// asStage is layers as the two functions of a Stage.
func asStage(up, down Sink, layers ...layer) (onUp, onDown Sink) {
	e := &ends{up, down}
	low, high := link(e, e, layers...)
	onUp, onDown = up, down
	if low != layer(e) {
		onUp = low.onUp
	}
	if high != layer(e) {
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

func (g *guest) stand(above, below layer) {
	g.between.stand(above, below)
	g.upward, g.downward = g.stage(g.up, g.down)
}

func (g *guest) onUp(item any)   { g.upward(item) }
func (g *guest) onDown(item any) { g.downward(item) }
