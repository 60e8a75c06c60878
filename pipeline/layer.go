package pipeline

import "slices"

// Stages have two forms, and each is made of the other here. A user writes a Stage: two
// functions that were given their neighbours. The stages of this package are layers:
// objects that call their neighbours, so that those of a connection lie in one
// allocation (see New; as closures they would be thirty). A layer is the form that a
// Pipeline runs: asLayer makes one of a user's Stage, and asStage a Stage of layers, for
// those who put one of this package's into a Chain of their own.

// above takes what goes up, below what goes down.
type (
	above interface{ onUp(item any) }
	below interface{ onDown(item any) }
)

// layer is a stage as an object. One that does not care about what comes down is no
// below, and is passed by.
type layer interface {
	above
	join(over above, under below)
}

// link is a layer's link to its neighbours.
type link struct {
	above above
	below below
}

func (l *link) join(over above, under below) { l.above, l.below = over, under }

func (l *link) up(item any)   { l.above.onUp(item) }
func (l *link) down(item any) { l.below.onDown(item) }

// fromPeer is for a stage that must know who has made the mistake when an error comes down: it was the peer, while
// something from the wire is on its way up.
type fromPeer bool

func (p *fromPeer) passUp(to *link, item any) {
	*p = true
	to.up(item)
	*p = false
}

// joinAll joins one or more layers, listed from handler to wire, between over and under. It returns
// who takes what comes up to them, and what comes down.
func joinAll(over above, under below, layers ...layer) (lowest above, highest below) {
	highest = under
	for i, l := range slices.Backward(layers) {
		next := over
		if i > 0 {
			next = layers[i-1]
		}
		l.join(next, highest)
		if b, ok := l.(below); ok {
			highest = b
		}
	}
	return layers[len(layers)-1], highest
}

// asStage makes a Stage's two functions of layers.
func asStage(up, down Sink, layers ...layer) (onUp, onDown Sink) {
	s := &sinks{up, down}
	lowest, highest := joinAll(s, s, layers...)
	if onUp = up; lowest != above(s) {
		onUp = lowest.onUp
	}
	if onDown = down; highest != below(s) {
		onDown = highest.onDown
	}
	return onUp, onDown
}

// sinks are the neighbours of layers that are a Stage.
type sinks struct{ above, below Sink }

func (s *sinks) onUp(item any)   { s.above(item) }
func (s *sinks) onDown(item any) { s.below(item) }

// asLayer makes a layer of a Stage.
func asLayer(s Stage) layer { return &stageLayer{stage: s} }

type stageLayer struct {
	link
	stage            Stage
	upward, downward Sink
}

func (s *stageLayer) join(over above, under below) {
	s.link.join(over, under)
	s.upward, s.downward = s.stage(s.up, s.down)
}

func (s *stageLayer) onUp(item any) { s.upward(item) }
func (s *stageLayer) onDown(item any) {
	if p, ok := item.(*Prepared); ok {
		p.Each(s.downward)
		return
	}
	s.downward(item)
}
