package pipeline

import "github.com/spindrift-go/spindrift/frame"

// Prepared is whole messages that follow each other to many connections, in the bytes that a
// server sends without an extension: they are encoded once for all whose stages do nothing with
// a message, and are there in one item (make bench ROWS=rooms: half of what a delivery cost).
//
// The stages of this package let it pass as it is if each of its messages would pass at once, and
// take them one by one otherwise. A stage of the program's is given the messages.
type Prepared struct {
	frames  []*frame.Frame
	wire    []byte
	payload int // bytes of it, of all messages
	longest int // bytes, of one
}

const (
	maxPrepared        = 16 << 10 // bytes on the wire: a connection that takes them needs no buffer that is not kept
	maxPreparedPayload = 2 << 10  // of each: a larger one lies in memory that has an owner, or costs little beside its bytes
)

// Prepare returns what is to be sent down for messages, which are shared: a Prepared for each run of
// small ones, and the others as they are.
func Prepare(messages []*frame.Frame) (items []any) {
	for len(messages) > 0 {
		n, size := 0, 0
		for n < len(messages) && preparable(messages[n]) {
			more := frame.MaxHeader + len(messages[n].Payload)
			if size+more > maxPrepared {
				break
			}
			size += more
			n++
		}
		if n < 2 {
			items = append(items, messages[0])
			messages = messages[1:]
			continue
		}
		items = append(items, prepare(messages[:n], size))
		messages = messages[n:]
	}
	return items
}

// preparable reports whether f is a small whole message, without a mark of an extension's.
func preparable(f *frame.Frame) bool {
	return f.Fin && f.RSV == 0 && (f.Opcode == frame.OpText || f.Opcode == frame.OpBinary) && len(f.Payload) <= maxPreparedPayload
}

func prepare(messages []*frame.Frame, size int) *Prepared {
	p := &Prepared{frames: append([]*frame.Frame(nil), messages...), wire: make([]byte, 0, size)}
	for _, f := range messages {
		p.wire = frame.Append(p.wire, f)
		p.payload += len(f.Payload)
		p.longest = max(p.longest, len(f.Payload))
	}
	return p
}

// Append makes Prepared an Appender.
func (p *Prepared) Append(dst []byte) []byte { return append(dst, p.wire...) }

// Size is the number of bytes on the wire.
func (p *Prepared) Size() int { return len(p.wire) }

// Urgent is false: they are messages.
func (p *Prepared) Urgent() bool { return false }

// Each calls down with each message, for who can't let them pass together.
func (p *Prepared) Each(down func(item any)) {
	for _, f := range p.frames {
		down(f)
	}
}
