package sockets_test

import (
	"context"
	"fmt"
	"net/rpc"
	"net/rpc/jsonrpc"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

type Arithmetic struct{}

func (Arithmetic) Add(terms [2]int, sum *int) error { *sum = terms[0] + terms[1]; return nil }

// A protocol that wants a net.Conn, such as JSON-RPC of the standard library.
func ExampleConn_NetConn() {
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		server := rpc.NewServer()
		if err := server.Register(Arithmetic{}); err != nil {
			return err
		}
		server.ServeCodec(jsonrpc.NewServerCodec(c.NetConn(frame.OpText))) // until the client closes
		return nil
	}))
	defer stop()

	c := must(sockets.Dial(context.Background(), url, nil))
	client := jsonrpc.NewClient(c.NetConn(frame.OpText))
	defer client.Close()
	var sum int
	err := client.Call("Arithmetic.Add", [2]int{19, 23}, &sum)
	fmt.Println(sum, err)
	// Output: 42 <nil>
}
