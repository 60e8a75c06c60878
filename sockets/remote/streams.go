package remote

import (
	"errors"
	"fmt"
	"io"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// streamIn is the stream of a link from the other node: Packs are handed over here, and
// proto.actor's reader, which trusts whoever sends, gets to see none.
type streamIn struct {
	grpc.ServerStream
	link *link
}

// RecvMsg makes streamIn a grpc.ServerStream.
func (s *streamIn) RecvMsg(m any) error {
	for {
		if err := s.ServerStream.RecvMsg(m); err != nil {
			return err
		}
		r, ok := m.(*remote.RemoteMessage)
		if !ok {
			return status.Error(codes.InvalidArgument, "no message of proto.actor's remote")
		}
		b := r.GetMessageBatch()
		if b == nil {
			if r.GetConnectRequest().GetServerConnection() == nil {
				return status.Error(codes.InvalidArgument, "a message that links do not have")
			}
			return nil
		}
		for _, e := range b.Envelopes {
			if e.TypeId < 0 || int(e.TypeId) >= len(b.TypeNames) || b.TypeNames[e.TypeId] != packType {
				s.link.node.counts.refused.Add(1)
				s.link.node.complain("a message of another node was refused: only Packs are sent between nodes", "node", s.link.peer.host)
				continue
			}
			if err := s.link.receive(e.MessageData); err != nil {
				if !errors.Is(err, ErrLinkLost) && err != errBye && err != errSilent {
					s.link.node.complain("a link is ended: its other node sends what cannot be read", "error", err, "node", s.link.peer.host)
				}
				s.link.sever(err)
				return status.Error(codes.Aborted, err.Error())
			}
		}
	}
}

// streamOut is the stream of a link to the other node. proto.actor's writer sends tokens, in whose
// place goes what waits in the outbox.
type streamOut struct {
	grpc.ClientStream
	link *link
}

// SendMsg makes streamOut a grpc.ClientStream.
func (s *streamOut) SendMsg(m any) error {
	if r, ok := m.(*remote.RemoteMessage); !ok || r.GetMessageBatch() == nil {
		return s.ClientStream.SendMsg(m)
	}
	for {
		more, err := s.link.out.take(s.send)
		if err != nil {
			s.link.sever(err)
			return err
		}
		if !more {
			return nil
		}
	}
}

func (s *streamOut) send(pack []byte) error {
	return s.ClientStream.SendMsg(&remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{MessageBatch: &remote.MessageBatch{
		TypeNames: []string{packType},
		Targets:   []*actor.PID{s.link.inLink},
		Envelopes: []*remote.MessageEnvelope{{MessageData: pack}},
	}}})
}

// RecvMsg makes streamOut a grpc.ClientStream. proto.actor's writer would tell of an error itself, also
// while its remote is being shut down, which is a race: so it gets to see an end, and sever tells.
func (s *streamOut) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	if err != nil {
		s.link.sever(fmt.Errorf("the stream to it has ended: %w", plain(err)))
		return io.EOF
	}
	return nil
}

// CloseSend makes streamOut a grpc.ClientStream.
func (s *streamOut) CloseSend() error {
	go s.link.sever(errors.New("its writer was stopped"))
	return s.ClientStream.CloseSend()
}
