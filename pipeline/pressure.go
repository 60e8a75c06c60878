package pipeline

// pressure is for a stage that keeps output back: those below say Backpressure and
// Drained too, and the handler hears of one time of waiting only once.
type pressure struct {
	pressed bool // those below have said Backpressure, and not Drained
	told    bool // so has the handler been
}

// rises notes that those below have said Backpressure, and reports whether the handler
// is to hear of it.
func (p *pressure) rises() bool {
	p.pressed = true
	return p.first()
}

// first reports whether the handler has not heard Backpressure yet, and notes it.
func (p *pressure) first() bool {
	was := p.told
	p.told = true
	return !was
}

// falls reports whether the handler, who has heard Backpressure, is to hear Drained.
func (p *pressure) falls() bool {
	was := p.told
	p.told = false
	return was
}
