package remote_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/remote"
)

// start README remote

// desk answers whatever is said to it. It is an actor of the worker, and does not know where its connections are.
func desk(ctx actor.Context) {
	if f, ok := ctx.Message().(*frame.Frame); ok {
		ctx.Respond(f)
	}
}

// gateway makes system a node, whose connections have their handler on the node at worker, "host:port".
func gateway(system *actor.ActorSystem, worker string) (*remote.Node, http.Handler, error) {
	node, err := remote.Start(system, remote.Config{Addr: "127.0.0.1:0", InsecureLoopback: true}) // between machines: TLS
	if err != nil {
		return nil, nil, err
	}
	return node, &sockets.Handler{System: system, FrameHandler: actor.NewPID(worker, "desk")}, nil
}

// end README remote

// The handler of a connection is an actor of another node. Here both nodes are in one process.
func ExampleStart() {
	system := sockets.NewSystem()
	worker, err := remote.Start(system, remote.Config{Addr: "127.0.0.1:0", InsecureLoopback: true})
	if err != nil {
		log.Fatal(err)
	}
	defer worker.Close()
	if _, err := system.Root.SpawnNamed(actor.PropsFromFunc(desk), "desk"); err != nil { // behind Start
		log.Fatal(err)
	}

	node, handler, err := gateway(sockets.NewSystem(), worker.Addr())
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	server := httptest.NewServer(handler)
	defer server.Close()

	ctx := context.Background()
	c, err := sockets.Dial(ctx, "ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(frame.Normal, "")
	c.SendText(ctx, "is anybody there?")
	fmt.Println(c.ReceiveText(ctx))
	// Output: is anybody there? <nil>
}
