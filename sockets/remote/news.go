package remote

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/actors/handlers"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/protobuf/proto"
)

// handlerGone tells a connection here that there is no such handler on the other node as it has, or not any more.
func (l *link) handlerGone(i *item) error {
	m := new(wire.HandlerGone)
	if err := proto.Unmarshal(i.body, m); err != nil {
		return err
	}
	conn := l.node.receiver(string(i.target))
	if conn.process != actor.Process(l.node.system.DeadLetter) && !internal[conn.pid.Id] { // it has not ended meanwhile
		conn.give(&handlers.Lost{Err: errorIn(m.Err)})
	}
	return nil
}

// handlerPanicked is about a handler on the other node, and all that have it.
func (l *link) handlerPanicked(i *item) error {
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

// tellGone tells a connection that there is no such handler here, or not any more. Each is told by itself: others
// may have one of the same name that came later.
func (l *link) tellGone(e *entry, err error) {
	body, _ := proto.Marshal(&wire.HandlerGone{Handler: []byte(e.handler.Id), Err: errorOut(err)})
	l.post(&outgoing{address: addressOf(e.conn.Id), kind: kindHandlerGone, body: body})
}

// leave asks a connection for its end, as this node leaves.
func (l *link) leave(e *entry) {
	body, _ := proto.Marshal(&wire.Close{Code: uint32(frame.ServiceRestart), Reason: []byte("service restart")})
	l.post(&outgoing{address: addressOf(e.conn.Id), kind: kindLeave, body: body})
}
