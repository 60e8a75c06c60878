package pipeline

import "github.com/spindrift-go/spindrift/frame"

// Traffic is messages and the bytes of their payloads, as the program has them: whole
// messages, inflated. Of a message in fragments the bytes count as they come, the message
// with its last.
type Traffic struct {
	MessagesIn, BytesIn   int64 // handed over
	MessagesOut, BytesOut int64 // let out by Closing: what was dropped, or came behind a Close, is not among them
}

// Meter counts the traffic of one connection: NewMetered puts it into the pipeline. It is
// read in the turns of the driver.
type Meter struct {
	link
	Traffic
	closer *closer
}

// NewMetered is New with m in the core, wire, which must be a *Core: of any other m counts
// nothing. It costs two calls for each message; a pipeline without one costs nothing.
func NewMetered(d Driver, top, wire Part, m *Meter) *Pipeline {
	web, usual := wire.(*Core)
	if m == nil || !usual {
		return New(d, top, wire)
	}
	if alive, usual := top.(*KeepAlive); usual {
		return newWhole(d, alive, web, m)
	}
	return new(Pipeline).join(d, top.layers(), web.appendLayers(new(core), nil, m))
}

func (m *Meter) onUp(item any) {
	if f, ok := item.(*frame.Frame); ok && !f.Opcode.Control() {
		m.BytesIn += int64(len(f.Payload))
		if f.Fin {
			m.MessagesIn++
		}
	}
	m.up(item)
}

func (m *Meter) onDown(item any) {
	if m.closer.phase < closing {
		switch f := item.(type) {
		case *frame.Frame:
			if !f.Opcode.Control() {
				m.BytesOut += int64(len(f.Payload))
				if f.Fin {
					m.MessagesOut++
				}
			}
		case *Prepared:
			m.BytesOut += int64(f.payload)
			m.MessagesOut += int64(len(f.frames))
		}
	}
	m.down(item)
}
