package pipeline

import (
	"slices"

	"github.com/spindrift-go/spindrift/frame"
)

// Driver is who runs a pipeline: who feeds it and does what leaves it. Within Emit and
// Deliver it may call Up, and what it has to say goes up when the item that is under way
// is through.
type Driver interface {
	Deliver(item any)  // what leaves the top is the frame handler's
	Emit(item any)     // what leaves the bottom is for the wire, or a request to the driver
	Outcome(c *Closed) // how the connection ended, as the core knows it: a stage above may change it, or keep it from the handler
}

// Part is a piece of a pipeline: a Stage, an Outbox, or a *KeepAlive or *Core, which lie
// in one allocation when they are a pipeline's two parts.
type Part interface {
	Stage() Stage
	layers() []layer
}

// Stage makes Stage a Part.
func (s Stage) Stage() Stage { return s }

func (s Stage) layers() []layer { return []layer{asLayer(s)} }

// Pipeline is the stages of one connection: a top, next to the handler, that may be
// replaced while it lives, on a core next to the wire.
//
// One item is under way at a time. What the driver answers meanwhile waits, in order:
// a stage that has sent something down is done with it before it hears how the wire
// took it.
type Pipeline struct {
	ledger ledger
	driver Driver
	low    above // of the top: takes what leaves the core
	high   below // of the top: takes what comes from the handler
	core   below // takes what leaves the top
	bottom above // takes what comes from the wire

	busy        bool   // an item is under way
	undelivered uint32 // payload bytes of a message that have left the core, and that nothing was delivered for yet; 4 bytes, so that whole stays in its size class
	answers     *[]any // of the driver to that, to go up next; nil: there was never one
}

// whole is a pipeline and its parts, of the usual kind.
type whole struct {
	Pipeline
	top  keepAlive
	core core
}

// New makes the pipeline of one connection. Its parts are recipes that connections
// share: they must not change.
func New(d Driver, top, core Part) *Pipeline {
	alive, usualTop := top.(*KeepAlive)
	web, usualCore := core.(*Core)
	if !usualTop || !usualCore {
		return new(Pipeline).join(d, top.layers(), core.layers())
	}
	return newWhole(d, alive, web, nil)
}

func newWhole(d Driver, top *KeepAlive, core *Core, m *Meter) *Pipeline {
	w := new(whole)
	var tops, cores [12]layer // enough for all there are, on the stack
	return w.Pipeline.join(d, top.appendLayers(&w.top, tops[:0]), core.appendLayers(&w.core, cores[:0], m))
}

func (p *Pipeline) join(d Driver, top, core []layer) *Pipeline {
	p.driver = d
	p.bottom, p.core = joinAll((*middle)(p), (*bottomEnd)(p), core...)
	p.low, p.high = joinAll((*topEnd)(p), (*middle)(p), top...)
	p.ledger.watch(core)
	return p
}

// Up takes an item from the wire, or an answer of the driver, see Driver.
func (p *Pipeline) Up(item any) {
	if p.busy {
		if p.answers == nil {
			p.answers = new([]any)
		}
		*p.answers = append(*p.answers, item)
		return
	}
	if frame.Debug {
		p.ledger.begin()
		defer p.ledger.broken()
	}
	p.busy = true
	defer p.done() // also if a stage panics
	p.bottom.onUp(item)
	p.answer()
}

// Down takes an item from the handler. A frame of 4 KiB and more that was released, or
// handed over to another connection, may be somebody else's by now: it ends this one.
func (p *Pipeline) Down(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		if m == nil {
			item = sentNil
		} else if !m.Take() {
			item = notOwned
		} else if frame.Debug {
			p.ledger.take(m)
		}
	case *frame.Error:
		if m == nil {
			item = sentNil
		}
	case *Leave:
		if m == nil {
			item = sentNil
		}
	case *Prepared:
		if frame.Debug { // who watches frames is to see each
			m.Each(p.Down)
			return
		}
	}
	if p.busy { // from within Deliver: a part of what is under way
		p.high.onDown(item)
		return
	}
	if frame.Debug {
		p.ledger.begin()
		defer p.ledger.broken()
	}
	p.busy = true
	defer p.done()
	p.high.onDown(item)
	p.answer()
}

var (
	notOwned = frame.Failure(frame.InternalError, "handler sent a frame that it had given back")
	sentNil  = frame.Failure(frame.InternalError, "handler sent a nil frame, error or Leave")
)

// SetTop replaces the top, which gets a Start; the one of before gets a Settled, so that it
// lets go of what it keeps back. It is called between two items.
func (p *Pipeline) SetTop(top Part) {
	p.busy = true
	defer p.done()
	p.low.onUp(&Settled{})
	p.low, p.high = joinAll((*topEnd)(p), (*middle)(p), top.layers()...)
	p.low.onUp(&Start{})
	p.answer()
}

func (p *Pipeline) done() { p.busy = false }

// Weight is what an item costs its receiver to hold, while it is delivered: what the func
// Weight says, and for what the stages of the top have made of a message, without being a
// Weigher, what the message did.
func (p *Pipeline) Weight(item any) int {
	switch m := item.(type) {
	case *frame.Frame:
		if !m.Opcode.Control() {
			p.undelivered -= min(p.undelivered, uint32(len(m.Payload)))
		}
	case Weigher:
		p.undelivered = 0
	default:
		n := p.undelivered
		p.undelivered = 0
		return int(n)
	}
	return Weight(item)
}

// answer sends up what the driver has answered, and what it answers to that.
func (p *Pipeline) answer() {
	for p.answers != nil && len(*p.answers) > 0 {
		item := (*p.answers)[0]
		*p.answers = slices.Delete(*p.answers, 0, 1) // there are one or two, and their memory is used again
		p.bottom.onUp(item)
	}
	p.ledger.through()
}

// middle is where core and top meet.
type middle Pipeline

func (m *middle) onUp(item any) {
	if f, ok := item.(*frame.Frame); ok {
		if !f.Opcode.Control() {
			m.upMessage(f)
			return
		}
	} else if c, last := item.(*Closed); last {
		m.driver.Outcome(c)
		m.low.onUp(item)
		if frame.Debug {
			m.ledger.close()
		}
		return
	}
	m.low.onUp(item)
}

// upMessage sends a message up, or a piece of one, and counts what of it is delivered.
func (m *middle) upMessage(f *frame.Frame) {
	if f.Opcode != frame.OpContinuation {
		m.undelivered = 0
	}
	fin := f.Fin // before the handler may release it
	m.undelivered += uint32(len(f.Payload))
	if m.low.onUp(f); fin {
		m.undelivered = 0
	}
}

func (m *middle) onDown(item any) {
	if m, ok := item.(*After); ok {
		own := *m // a stage may use its After for every connection
		own.Top = true
		item = &own
	}
	m.core.onDown(item)
}

// topEnd and bottomEnd are the driver's.
type (
	topEnd    Pipeline
	bottomEnd Pipeline
)

func (e *topEnd) onUp(item any)      { e.driver.Deliver(item) }
func (e *bottomEnd) onDown(item any) { e.driver.Emit(item) }
