package remote

import (
	"context"
	"errors"
	"fmt"

	"github.com/spindrift-go/spindrift/sockets/remote/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// ask asks the node at host for a link.
func (n *Node) ask(host, name string) (*wire.Welcome, error) {
	ctx, cancel := context.WithTimeout(context.Background(), n.config.DialTimeout)
	defer cancel()
	go func() { // who closes the node waits for this
		select {
		case <-n.stop:
			cancel()
		case <-ctx.Done():
		}
	}()
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
