package pipeline

import "github.com/spindrift-go/spindrift/frame"

// Outbox keeps messages back while the wire is slow, and drops some when they are
// too many. Only whole messages that have not begun to go out are dropped;
// control frames pass, and a Close goes out behind all that waits. The handler is
// told what was dropped, by Dropped: the first one at once, others when the wire
// has caught up or the connection ends.
//
// What may neither wait nor be dropped ends the connection with 1008: the rest of
// a message that has begun to go out, and a flood of the handler's own control
// frames.
type Outbox struct {
	Limit  int    // bytes that may wait, what is kept back (each frame with its own size) and what the wire has; 0: no limit
	High   int    // bytes that the wire may have waiting before messages are kept back, half of Limit at most; 0: none
	Policy Policy // DropNewest or DropOldest
}

// frameCost is what a frame takes that waits, beside its payload: so that empty
// ones are bounded as well.
const frameCost = 64

func cost(f *frame.Frame) int { return frameCost + len(f.Payload) }

// Stage returns the outbox as a stage.
func (o Outbox) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, o.layers()...) }
}

func (o Outbox) layers() []layer { return []layer{&outbox{Outbox: o}} }

type outbox struct {
	link
	Outbox
	pressure
	losses
	queue   []*frame.Frame // wait, oldest first
	size    int            // what they cost
	control int            // what control frames have cost since the wire last had space
	open    bool           // a message has gone out in part
	fromPeer
	coming message // the one that comes down
	state  outboxState
}

// message is what becomes of the rest of a message that comes down in fragments, when
// it may not follow those before it at once.
type message uint8

const (
	complete message = iota // there is none
	waits                   // with its beginning, which is the last in the queue
	dropped                 // like its beginning
)

// outboxState is what an Outbox still does.
type outboxState uint8

const (
	keeping outboxState = iota // what the wire has no space for
	leaving                    // a Close goes down: nothing waits any more
	failed                     // so has the connection: nothing goes out any more
)

func (b *outbox) onUp(item any) {
	switch item.(type) {
	case *Written:
		b.sendOn()
		b.up(item)
		b.calm(nil)
	case *Settled: // the peer's Close, or its mistake, is about to be answered
		b.flush()
		b.up(item)
	case *Backpressure:
		if b.rises() {
			b.up(item)
		}
	case *Drained:
		b.pressed = false
		b.sendOn()
		b.calm(item)
	case *Closed:
		b.abandon()
		b.report(&b.link)
		b.up(item)
	default:
		b.passUp(&b.link, item)
	}
}

// calm tells the handler that the time of waiting is over, if it is. drained is
// what the wire said, nil if it said it before.
func (b *outbox) calm(drained any) {
	if b.pressed || len(b.queue) > 0 {
		return
	}
	b.report(&b.link)
	b.silent = false
	if b.falls() {
		if drained == nil {
			drained = &Drained{}
		}
		b.up(drained)
	}
}

func (b *outbox) onDown(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		switch {
		case m.Opcode == frame.OpClose:
			b.flush()
		case m.Opcode.Control():
			if b.state != leaving && !b.affordable(m) {
				b.fail()
				m.Sent()
				return
			}
		default:
			b.take(m)
			return
		}
	case *Prepared:
		m.Each(b.onDown)
		return
	case *Leave:
		b.flush()
	case *frame.Error:
		if !b.fromPeer { // a mistake of the peer's is answered behind what the handler still sends
			b.state = failed
		}
	case *Limits:
		set(&b.Limit, m.Out)
	}
	b.down(item)
}

// affordable counts a control frame.
func (b *outbox) affordable(f *frame.Frame) bool {
	if b.hasSpace() {
		b.control = 0
		return true
	}
	b.control += cost(f)
	return b.Limit <= 0 || b.control <= b.Limit
}

// take sends a frame of a message on, keeps it, or drops it.
func (b *outbox) take(f *frame.Frame) {
	begins := f.Opcode != frame.OpContinuation
	if begins {
		b.coming = complete
	}
	switch {
	case b.coming == dropped:
		b.refuse(f, 0)
	case b.state == failed, begins && b.Limit > 0 && cost(f) > b.Limit && !b.idle(): // dropping others would not help it
		b.coming = dropped
		b.refuse(f, 1)
		b.tell(&b.link)
	case b.idle():
		b.pass(f)
	default:
		b.keep(f)
	}
}

// idle reports whether a frame may go out at once.
func (b *outbox) idle() bool { return b.state == leaving || len(b.queue) == 0 && b.hasSpace() }

func (b *outbox) keep(f *frame.Frame) {
	b.queue = append(b.queue, f)
	b.size += cost(f)
	if b.coming = complete; !f.Fin {
		b.coming = waits
	}
	if b.Limit <= 0 {
		return
	}
	for waiting := b.waiting(); b.size+waiting > b.Limit; {
		if !b.makeSpace() {
			b.coming = dropped
			b.fail()
			return
		}
	}
}

func (b *outbox) fail() {
	b.state = failed
	b.down(&Overflow{})
}

// sendOn sends what the wire has space for.
func (b *outbox) sendOn() {
	if b.state == failed { // Closing takes nothing more
		return
	}
	for len(b.queue) > 0 && b.hasSpace() {
		b.shift()
	}
}

// flush sends all on that waits: a Close is to follow it.
func (b *outbox) flush() {
	b.state = leaving
	for len(b.queue) > 0 {
		b.shift()
	}
}

func (b *outbox) shift() {
	f := b.queue[0]
	b.queue[0] = nil
	if b.queue = b.queue[1:]; len(b.queue) == 0 {
		b.queue = nil
	}
	b.size -= cost(f)
	b.pass(f)
}

func (b *outbox) pass(f *frame.Frame) {
	b.open = !f.Fin
	b.down(f)
}

func (b *outbox) hasSpace() bool {
	high := b.High
	if b.Limit > 0 {
		high = min(high, b.Limit/2)
	}
	return b.waiting() <= high
}

// waiting is what the wire has.
func (b *outbox) waiting() int {
	var s Status
	b.down(&s)
	return s.Waiting
}
