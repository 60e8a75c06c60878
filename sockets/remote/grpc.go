package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	version       = 1
	helloMethod   = "/spindrift.remote.v1.Node/Hello"
	receiveMethod = "/remote.Remoting/Receive" // of proto.actor's remote
	packType      = "spindrift.remote.v1.Pack"
	linkKey       = "spindrift-link"
	window        = 1 << 20 // bytes on their way, of a stream
)

func (n *Node) serverOptions() []grpc.ServerOption {
	o := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(n.config.MaxMessage + 4*packSize),
		grpc.ConnectionTimeout(n.config.Timeout),
		grpc.InitialWindowSize(window), grpc.InitialConnWindowSize(2 * window),
		grpc.ChainStreamInterceptor(n.incoming),
		grpc.ChainUnaryInterceptor(refuseCall),
		grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error { return n.hello(s) }),
	}
	if n.config.TLS != nil {
		o = append(o, grpc.Creds(credentials.NewTLS(n.config.serverTLS())))
	}
	return o
}

func (n *Node) dialOptions(links bool) []grpc.DialOption {
	o := []grpc.DialOption{
		grpc.WithContextDialer(n.dial),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: backoff.DefaultConfig, MinConnectTimeout: n.config.DialTimeout}),
		grpc.WithInitialWindowSize(window), grpc.WithInitialConnWindowSize(2 * window),
		grpc.WithDisableServiceConfig(),
	}
	if n.config.TLS != nil {
		o = append(o, grpc.WithTransportCredentials(credentials.NewTLS(n.config.clientTLS())))
	} else {
		o = append(o, grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	if links {
		o = append(o, grpc.WithChainStreamInterceptor(n.outgoing))
	}
	return o
}

// dial opens a connection to the place of an address.
func (n *Node) dial(ctx context.Context, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(hostPort(address))
	if err != nil {
		return nil, err
	}
	if n.config.TLS == nil && !loopback(host) {
		return nil, fmt.Errorf("%s is no loopback address: Config.InsecureLoopback", host)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", hostPort(address))
}

// refuseCall refuses the calls that proto.actor's remote has not implemented: they panic.
func refuseCall(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
	return nil, status.Error(codes.Unimplemented, "there are no such calls here")
}

// incoming is around every stream that another node has opened.
func (n *Node) incoming(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if info.FullMethod == helloMethod {
		return n.hello(ss)
	}
	md, _ := metadata.FromIncomingContext(ss.Context())
	names := md.Get(linkKey)
	if info.FullMethod != receiveMethod || len(names) != 1 {
		n.counts.refused.Add(1)
		n.complain("a stream was refused: it belongs to no link", "method", info.FullMethod)
		return status.Error(codes.Unimplemented, "only links are served here")
	}
	l := n.link(names[0])
	if l == nil {
		return status.Error(codes.NotFound, "no such link")
	}
	ended := make(chan error, 1)
	if !n.goes(func() { ended <- safely(func() error { return next(srv, &streamIn{ss, l}) }) }) {
		return status.Error(codes.Unavailable, errStopped.Error())
	}
	select {
	case err := <-ended:
		l.sever(fmt.Errorf("its stream has ended: %w", cause(err)))
		return err
	case <-l.lost: // the stream ends with this return, and what reads of it
		return status.Error(codes.Unavailable, "link lost")
	}
}

func cause(err error) error {
	if err == nil {
		return errors.New("by the other node")
	}
	return err
}

func safely(f func() error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = fmt.Errorf("panic: %v", reason)
		}
	}()
	return f()
}

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

// outgoing is around every stream that proto.actor's writers open: one for each link.
func (n *Node) outgoing(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	l := n.link(linkOf(cc.Target()))
	if l == nil {
		return nil, status.Error(codes.Unavailable, "link lost")
	}
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(ctx, linkKey, l.name))
	l.mu.Lock()
	l.cancel = cancel
	closed := l.closed
	l.mu.Unlock()
	if closed {
		cancel()
	}
	cs, err := open(ctx, desc, cc, method, opts...)
	if err != nil {
		l.sever(err)
		return nil, err
	}
	return &streamOut{cs, l}, nil
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

// ask asks the node at host for a link.
func (n *Node) ask(host, name string) (*wire.Welcome, error) {
	ctx, cancel := context.WithTimeout(context.Background(), n.config.DialTimeout)
	defer cancel()
	cc, err := grpc.NewClient("passthrough:///"+host, n.dialOptions(false)...)
	if err != nil {
		return nil, err
	}
	defer cc.Close()
	s, err := cc.NewStream(ctx, &grpc.StreamDesc{}, helloMethod)
	if err != nil {
		return nil, plain(err)
	}
	n.mu.Lock()
	leaving := n.leaving
	n.mu.Unlock()
	if err := s.SendMsg(&wire.Hello{Version: version, From: n.address, To: host, Link: name, Leaving: leaving}); err != nil {
		return nil, plain(s.RecvMsg(new(wire.Welcome)))
	}
	s.CloseSend()
	w := new(wire.Welcome)
	if err := s.RecvMsg(w); err != nil {
		return nil, plain(err)
	}
	if bare(w.Node) || linkOf(w.Node) != "" {
		return nil, fmt.Errorf("it calls itself %q, which is no address", w.Node)
	}
	return w, nil
}

// plain is what an error of grpc's says.
func plain(err error) error {
	if status.Code(err) == codes.AlreadyExists {
		return errCrossed
	}
	if s, ok := status.FromError(err); ok {
		return errors.New(s.Message())
	}
	return err
}

// hello answers who asks for a link.
func (n *Node) hello(s grpc.ServerStream) error {
	m := new(wire.Hello)
	if err := s.RecvMsg(m); err != nil {
		return err
	}
	switch {
	case m.Version != version:
		return status.Errorf(codes.FailedPrecondition, "version %d is not spoken here, but %d", m.Version, version)
	case bare(m.From) || linkOf(m.From) != "" || len(m.Link) < 20 || len(m.Link) > 100:
		return status.Error(codes.InvalidArgument, "that is no Hello")
	case hostPort(m.From) == n.Addr():
		return status.Error(codes.InvalidArgument, "a node needs no link to itself")
	}
	p := n.peer(hostPort(m.From))
	l, err := p.accept(m.From, m.Link)
	switch {
	case errors.Is(err, errCrossed):
		return status.Error(codes.AlreadyExists, err.Error())
	case err != nil:
		return status.Error(codes.Unavailable, err.Error())
	}
	n.mu.Lock()
	leaving := n.leaving
	n.mu.Unlock()
	l.know(m.From, m.Leaving) // before it hears that it may send
	err = s.SendMsg(&wire.Welcome{Node: n.address, Leaving: leaving})
	if err == nil && !n.goes(func() { p.await(l) }) {
		err = errStopped
	}
	if err != nil {
		l.sever(err)
		p.made(nil, err)
		return err
	}
	l.ping(nil)
	return nil
}
