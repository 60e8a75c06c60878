package remote

import (
	"errors"
	"fmt"
	"io"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// streamIn is the stream of a link from the other node: Packs are handed over here, and
// proto.actor's reader, which trusts whoever sends, gets to see none.
type streamIn struct {
	grpc.ServerStream
	link *link
	in   packIn
}

// RecvMsg makes streamIn a grpc.ServerStream.
func (s *streamIn) RecvMsg(m any) error {
	for {
		err := s.ServerStream.RecvMsg(&s.in)
		if err != nil {
			s.in.free()
			return err
		}
		whole := s.in.whole
		switch {
		case whole == nil:
			err = s.receive(s.in.pack, s.in.own)
		case whole.GetMessageBatch() != nil:
			err = s.receiveBatch(whole.GetMessageBatch())
		case whole.GetConnectRequest().GetServerConnection() != nil:
			proto.Merge(m.(proto.Message), whole)
		default:
			err = status.Error(codes.InvalidArgument, "a message that links do not have")
		}
		s.in.free()
		if err != nil || whole.GetConnectRequest() != nil {
			return err
		}
	}
}

// receiveBatch hands over what is a batch, and not written as nodes do.
func (s *streamIn) receiveBatch(b *remote.MessageBatch) error {
	for _, e := range b.Envelopes {
		if e.TypeId < 0 || int(e.TypeId) >= len(b.TypeNames) || b.TypeNames[e.TypeId] != packType {
			s.link.node.counts.refused.Add(1)
			s.link.node.complain("a message of another node was refused: only Packs are sent between nodes", "node", s.link.peer.host)
			continue
		}
		if err := s.receive(e.MessageData, true); err != nil {
			return err
		}
	}
	return nil
}

func (s *streamIn) receive(pack []byte, own bool) error {
	err := s.link.receive(pack, own)
	if err == nil {
		return nil
	}
	if !errors.Is(err, ErrLinkLost) && err != errBye && err != errSilent {
		s.link.node.complain("a link is ended: its other node sends what cannot be read", "error", err, "node", s.link.peer.host)
	}
	s.link.sever(err)
	return status.Error(codes.Aborted, err.Error())
}

// streamOut is the stream of a link to the other node. proto.actor's writer opens it and ends it. What waits in the
// outbox is sent by turns of the dispatcher's: the writer would be started anew each time, and grow its stack, for a few
// bytes around a Pack.
type streamOut struct {
	grpc.ClientStream
	link *link
}

// SendMsg makes streamOut a grpc.ClientStream. The writer's first batch says that the other node has answered.
func (s *streamOut) SendMsg(m any) error {
	if r, ok := m.(*remote.RemoteMessage); !ok || r.GetMessageBatch() == nil {
		return s.ClientStream.SendMsg(m)
	}
	if l := s.link; l.stream == nil {
		l.stream = s.ClientStream
		l.node.runtime.Dispatcher().Schedule(l.turn)
	}
	return nil
}

// send gives grpc the next Pack, unless it has one: it calls when it has written that. It never waits, for grpc lets
// 64 KiB of a stream be under way, and then one message more.
func (l *link) send() {
	for pack := l.out.take((*pool)(l)); pack != nil; pack = l.out.take((*pool)(l)) {
		if err := l.stream.SendMsg(packOut{pack}); err != nil {
			go l.sever(err)
			return
		}
	}
}

// pool is a link, to which grpc gives back the memory of what it has written.
type pool link

// Get makes pool a mem.BufferPool.
func (*pool) Get(length int) *[]byte {
	b := make([]byte, length)
	return &b
}

// Put makes pool a mem.BufferPool.
func (p *pool) Put(b *[]byte) {
	if l := (*link)(p); l.out.sent(*b) {
		l.node.runtime.Dispatcher().Schedule(l.turn)
	}
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

// CloseSend makes streamOut a grpc.ClientStream. The stream is not closed for sending, for send may be at it: it ends
// with the link.
func (s *streamOut) CloseSend() error {
	go s.link.sever(errors.New("its writer was stopped"))
	return nil
}
