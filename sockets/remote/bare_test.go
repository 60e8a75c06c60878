package remote

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// bareRole is a child that echoes what comes by grpc, and has nothing of ours.
const bareRole = "bare"

// echoBare is the child.
func echoBare() error {
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, s grpc.ServerStream) error {
		for {
			m := new(wrapperspb.BytesValue)
			if err := s.RecvMsg(m); err != nil {
				return nil
			}
			if err := s.SendMsg(m); err != nil {
				return err
			}
		}
	}))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr(), "-")
	return server.Serve(listener)
}

// BenchmarkGRPC is the round trip of 64 B to another process and back by grpc alone: what of BenchmarkEcho's is not ours.
func BenchmarkGRPC(b *testing.B) {
	child := spawn(b, bareRole, "", "")
	conn, err := grpc.NewClient(child.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(b, err)
	defer conn.Close()
	stream, err := conn.NewStream(b.Context(), &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/bare/echo")
	require.NoError(b, err)
	m := wrapperspb.Bytes(make([]byte, 64))
	trips := make([]time.Duration, 0, b.N)
	for b.Loop() {
		began := time.Now()
		require.NoError(b, stream.SendMsg(m))
		require.NoError(b, stream.RecvMsg(m))
		trips = append(trips, time.Since(began))
	}
	slices.Sort(trips)
	b.ReportMetric(float64(trips[len(trips)/2].Microseconds()), "p50-us")
	b.ReportMetric(0, "ns/op")
}
