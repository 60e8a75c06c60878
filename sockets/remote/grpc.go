package remote

import (
	"context"
	"errors"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	version       = 3
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
		grpc.ForceServerCodecV2(newCodec()),
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
	if !n.goes(func() { ended <- safely(func() error { return next(srv, &streamIn{ServerStream: ss, link: l}) }) }) {
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
	cs, err := open(ctx, desc, cc, method, append(opts, grpc.ForceCodecV2(newCodec()))...)
	if err != nil {
		l.sever(err)
		return nil, err
	}
	return &streamOut{cs, l}, nil
}
