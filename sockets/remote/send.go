package remote

import (
	"errors"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/dispatch"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// send queues a message on a link. An error says why it cannot cross.
func (n *Node) send(l *link, target *actor.PID, header actor.ReadonlyMessageHeader, message any, sender *actor.PID, up bool) error {
	if target.Id == "" { // on the way it would mean whoever the message before was for
		return &uncrossable{message, "the PID that it is for has no Id"}
	}
	kind, body, err := encode(message)
	if err != nil {
		return err
	}
	m := outgoing{address: address{target: target.Id, targetRequest: target.RequestId, up: up}, kind: kind, body: body}
	size := len(body)
	if kind == kindFrame {
		m.frame = message.(*frame.Frame)
		size = len(m.frame.Payload)
	}
	if size > n.config.MaxMessage {
		return &uncrossable{message, fmt.Sprintf("it has %d bytes, Config.MaxMessage allows %d", size, n.config.MaxMessage)}
	}
	if sender != nil {
		m.sender, m.senderRequest = sender.Id, sender.RequestId
		if sender.Address != n.address {
			m.senderAddress = sender.Address
		}
	}
	if header != nil && header.Length() > 0 {
		for _, key := range header.Keys() {
			field, _ := proto.Marshal(&wire.Field{Name: []byte(key), Values: [][]byte{[]byte(header.Get(key))}})
			m.header = protowire.AppendBytes(protowire.AppendTag(m.header, itemHeader, protowire.BytesType), field)
		}
	}
	if !l.post(&m) {
		return &lostError{hostPort(l.remote), errors.New("it is not there any more")}
	}
	return nil
}

// tell gives a message to an actor here.
func (n *Node) tell(id string, message any) {
	process, _ := n.system.ProcessRegistry.GetLocal(id)
	process.SendUserMessage(n.system.NewLocalPID(id), message)
}

// receiver finds an actor here; its process is the dead letters' if there is none.
func (n *Node) receiver(id string) receiver {
	process, _ := n.system.ProcessRegistry.GetLocal(id)
	return receiver{n.system.NewLocalPID(id), process, dispatch.Of(process)}
}
