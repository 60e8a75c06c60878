package pipeline

// layer is a stage of this package from within: an object that calls its two
// neighbours, where a Stage is two functions that were given theirs. So the
// layers of a connection can lie in one allocation, see Core: as closures they
// would be thirty.
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

// ends is what lies beyond the layers, on both sides.
type ends struct{ above, below Sink }

func (e *ends) onUp(item any)      { e.above(item) }
func (e *ends) onDown(item any)    { e.below(item) }
func (e *ends) stand(layer, layer) {}

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

// link has every layer stand between its neighbours, listed from handler to wire,
// and returns the two functions that the stack is from outside.
func link(e *ends, layers ...layer) (onUp, onDown Sink) {
	var below layer = e
	for i := len(layers) - 1; i >= 0; i-- {
		var above layer = e
		if i > 0 {
			above = layers[i-1]
		}
		layers[i].stand(above, below)
		if !onlyUp(layers[i]) {
			below = layers[i]
		}
	}
	if onDown = e.below; below != layer(e) {
		onDown = below.onDown
	}
	return layers[len(layers)-1].onUp, onDown
}

// alone is the Stage of a single layer.
func alone(l layer, up, down Sink) (onUp, onDown Sink) {
	return link(&ends{up, down}, l)
}
