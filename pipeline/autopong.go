package pipeline

import "github.com/spindrift-go/spindrift/frame"

// AutoPong answers every Ping with a Pong of the same payload (RFC 6455 5.5.3).
// While the wire takes nothing, at most one Pong waits: the latest Ping's.
type AutoPong struct {
	Show bool // hand the Ping to the handler as well
}

// Stage returns AutoPong as a stage.
func (o AutoPong) Stage() Stage {
	return func(up, down Sink) (Sink, Sink) {
		var owed *frame.Frame
		onUp := func(item any) {
			switch m := item.(type) {
			case *frame.Frame:
				if m.Opcode == frame.OpPing {
					if owed = frame.Pong(m.Payload); !blocked(down) {
						down(owed)
						owed = nil
					}
					if !o.Show {
						return
					}
				}
			case *Flushed:
				if owed != nil {
					down(owed)
					owed = nil
				}
			}
			up(item)
		}
		return onUp, down
	}
}

func blocked(down Sink) bool {
	var s Status
	down(&s)
	return s.Blocked
}
