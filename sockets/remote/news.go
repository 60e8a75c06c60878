package remote

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/protobuf/proto"
)

// handlerNews is about a handler on the other node.
func (l *link) handlerNews(i *item) error {
	if i.kind == kindHandlerGone {
		m := new(wire.HandlerGone)
		if err := proto.Unmarshal(i.body, m); err != nil {
			return err
		}
		l.node.runtime.TellHandled(&actor.PID{Address: l.address, Id: string(m.Handler)}, errorIn(m.Err))
		return nil
	}
	m := new(wire.HandlerPanicked)
	if err := proto.Unmarshal(i.body, m); err != nil {
		return err
	}
	directive := actor.ResumeDirective
	if m.Restarted {
		directive = actor.RestartDirective
	}
	l.node.runtime.HandlerPanicked(&actor.PID{Address: l.address, Id: string(m.Handler)}, directive, string(m.Reason))
	return nil
}

// tellGone says that there is no such handler here, or not any more.
func (l *link) tellGone(handler string, err error) {
	body, _ := proto.Marshal(&wire.HandlerGone{Handler: []byte(handler), Err: errorOut(err)})
	l.post(&outgoing{kind: kindHandlerGone, body: body})
}

// leave asks a connection for its end, as this node leaves.
func (l *link) leave(e *entry) {
	body, _ := proto.Marshal(&wire.Close{Code: uint32(frame.ServiceRestart), Reason: []byte("service restart")})
	l.post(&outgoing{address: addressOf(e.conn.Id), kind: kindLeave, body: body})
}
