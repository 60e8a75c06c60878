package rooms

import (
	"bytes"
	"encoding/binary"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/spindrift-go/spindrift/frame"
)

// except is a bit of a message's first byte: a member is left out, and is named between the byte
// and the payload.
const except = 0x80

// encode is what goes over NATS: the opcode, who is left out, the payload.
func (n *Node) encode(but *actor.PID, f *frame.Frame) []byte {
	if but == nil {
		p := make([]byte, 0, 1+len(f.Payload))
		return append(append(p, byte(f.Opcode)), f.Payload...)
	}
	who := n.nameOf(but)
	p := make([]byte, 0, 1+binary.MaxVarintLen64+len(who)+len(f.Payload))
	p = append(p, byte(f.Opcode)|except)
	p = binary.AppendUvarint(p, uint64(len(who)))
	return append(append(p, who...), f.Payload...)
}

// decode returns who is left out, if it is a connection of this node, and the message; nil if p
// is none.
func (n *Node) decode(p []byte) (but *actor.PID, f *frame.Frame) {
	if len(p) == 0 {
		return nil, nil
	}
	op := p[0]
	p = p[1:]
	if op&except != 0 {
		size, read := binary.Uvarint(p)
		if read <= 0 || size > uint64(len(p)-read) {
			return nil, nil
		}
		who := p[read:][:size]
		p = p[read:][size:]
		if id, ok := bytes.CutPrefix(who, []byte(n.nameOf(nil))); ok {
			but = actor.NewPID(n.system.Address(), string(id))
		}
	}
	f = frame.Binary(p)
	if f.Opcode = frame.Opcode(op &^ except); f.Opcode != frame.OpText && f.Opcode != frame.OpBinary {
		return nil, nil
	}
	return but, f
}

// nameOf is a connection's among those of all nodes: two of them may each have one of the same ID.
func (n *Node) nameOf(conn *actor.PID) string { return n.config.Name + "\x00" + conn.GetId() }
