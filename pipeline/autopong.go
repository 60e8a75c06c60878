package pipeline

import "github.com/spindrift-go/spindrift/frame"

// AutoPong answers every Ping with a Pong of the same payload (RFC 6455 5.5.3).
// While the wire takes nothing, at most one Pong waits: the latest Ping's.
type AutoPong struct {
	Show bool // hand the Ping to the handler as well
}

// Stage returns AutoPong as a stage.
func (o AutoPong) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) { return asStage(up, down, &ponger{AutoPong: &o}) }
}

type ponger struct {
	link
	*AutoPong // the recipe
	owed      *frame.Frame
}

func (p *ponger) onUp(item any) {
	switch m := item.(type) {
	case *frame.Frame:
		if m.Opcode == frame.OpPing {
			if p.owed = pongTo(m); !p.blocked() {
				p.sendOwed()
			}
			if !p.Show {
				return
			}
		}
	case *Written, *Settled:
		p.sendOwed()
	}
	p.up(item)
}

// pongTo copies the payload: the Ping may become the handler's.
func pongTo(ping *frame.Frame) *frame.Frame {
	f := frame.New(frame.OpPong, len(ping.Payload))
	f.Payload = append(f.Payload, ping.Payload...)
	return f
}

// sendOwed sends the Pong that is owed, if one is.
func (p *ponger) sendOwed() {
	if p.owed != nil {
		p.down(p.owed)
		p.owed = nil
	}
}

func (p *ponger) blocked() bool {
	var s Status
	p.down(&s)
	return s.Blocked
}
