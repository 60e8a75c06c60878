package sockets_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

// must is the value of examples, which have nobody to tell of an error.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func echo(ctx context.Context, c *sockets.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err == nil {
			err = c.Send(ctx, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A server in the place of net/http's, whose Shutdown closes WebSockets as well.
func ExampleServer() {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "a page") })
	mux.Handle("/echo", sockets.Session(echo))
	server := &sockets.Server{
		Server:        http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second},
		MaxConnsPerIP: 100,
		Drain:         sockets.DrainOptions{Code: frame.ServiceRestart}, // clients come back
	}
	l := must(net.Listen("tcp", "localhost:0"))
	go server.Serve(l)

	ctx := context.Background()
	c := must(sockets.Dial(ctx, "ws://"+l.Addr().String()+"/echo", nil))
	c.SendText(ctx, "hello")
	fmt.Println(c.ReceiveText(ctx))
	code := make(chan frame.Code)
	go func() {
		_, err := c.Receive(ctx)
		code <- sockets.CloseCode(err)
	}()
	closing, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	result, err := server.ShutdownResult(closing)
	fmt.Println(result.Asked, "closed,", result.Cut, "of them cut;", err)
	fmt.Println(<-code)
	// Output:
	// hello <nil>
	// 1 closed, 0 of them cut; <nil>
	// 1012
}

// A listener actor is asked about every request, and is the frame handler as well.
func ExampleServer_actors() {
	system := sockets.NewSystem()
	listener := system.Root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *http.Request:
			ctx.Respond(&sockets.UpgradeServer{FrameHandler: ctx.Self()})
		case *sockets.Upgraded: // ctx.Sender() is the connection
		case *frame.Frame:
			ctx.Respond(frame.Text(strings.ToUpper(m.String())))
		case *sockets.Closed: // exactly once, always last
		}
	}))
	server := &sockets.Server{System: system, Listener: listener}
	defer server.Close()
	l := must(net.Listen("tcp", "localhost:0"))
	go server.Serve(l)

	ctx := context.Background()
	c := must(sockets.Dial(ctx, "ws://"+l.Addr().String(), nil))
	defer c.Close(frame.Normal, "")
	c.SendText(ctx, "hello")
	fmt.Println(c.ReceiveText(ctx))
	// Output: HELLO <nil>
}

// A listener for each connection, which remembers what its client has asked before.
func ExampleServer_listenerFor() {
	system := sockets.NewSystem()
	ended := make(chan string)
	listener := func() actor.Actor {
		requests := 0
		return actor.ReceiveFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *sockets.Connected: // first: m.RemoteAddr, m.TLS
			case *http.Request:
				requests++
				ctx.Respond(&http.Response{Body: io.NopCloser(strings.NewReader(fmt.Sprint(m.URL.Path, ", request ", requests)))})
			case *sockets.ConnectionClosed: // last
				ended <- fmt.Sprint("gone after ", requests)
				ctx.Stop(ctx.Self())
			}
		})
	}
	server := &sockets.Server{System: system, ListenerFor: func(net.Conn) *actor.PID {
		return system.Root.Spawn(actor.PropsFromProducer(listener))
	}}
	defer server.Close()
	l := must(net.Listen("tcp", "localhost:0"))
	go server.Serve(l)

	client := &http.Client{Transport: new(http.Transport)}
	for _, path := range []string{"/a", "/b"} {
		r := must(client.Get("http://" + l.Addr().String() + path))
		fmt.Println(string(must(io.ReadAll(r.Body))))
		r.Body.Close()
	}
	client.CloseIdleConnections()
	fmt.Println(<-ended)
	// Output:
	// /a, request 1
	// /b, request 2
	// gone after 2
}

// What is decided request by request: who it is, which handler, which refusal.
func ExampleHandler() {
	url, stop := serve(&sockets.Handler{New: func(r *http.Request) (*sockets.UpgradeServer, error) {
		user := r.URL.Query().Get("user")
		if user == "" {
			return nil, &sockets.Refusal{Status: http.StatusUnauthorized, Reason: "who are you?"}
		}
		return &sockets.UpgradeServer{
			Spawn: actor.PropsFromFunc(func(ctx actor.Context) { // an actor of this connection's own
				switch m := ctx.Message().(type) {
				case *sockets.Upgraded:
					ctx.Respond(frame.Text("hello " + m.Value.(string)))
				case *frame.Frame:
					ctx.Respond(m)
				}
			}),
			Value: user,
		}, nil
	}})
	defer stop()

	ctx := context.Background()
	_, err := sockets.Dial(ctx, url, nil)
	fmt.Println(strings.Contains(err.Error(), "401"))
	c := must(sockets.Dial(ctx, url+"?user=ann", nil))
	defer c.Close(frame.Normal, "")
	fmt.Println(c.ReceiveText(ctx))
	// Output:
	// true
	// hello ann <nil>
}

// Limits of a route, and how a session ends its connection.
func ExampleSessionHandler() {
	url, stop := serve(&sockets.SessionHandler{
		Options: &sockets.Options{
			MaxMessage:   64 << 10,
			PingInterval: 15 * time.Second,
			Compression:  &pipeline.Compression{},
		},
		Serve: func(ctx context.Context, c *sockets.Conn) error {
			if _, err := c.ReceiveText(ctx); err != nil {
				return err
			}
			return frame.Failure(4001, "that is all")
		},
	})
	defer stop()

	ctx := context.Background()
	c := must(sockets.Dial(ctx, url, nil))
	c.SendText(ctx, "hello")
	_, err := c.Receive(ctx)
	fmt.Println(err)
	// Output: sockets: connection closed by peer with 4001 "that is all"
}

// Limits that change when somebody has said who they are.
func ExampleSetOptions() {
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		if _, err := c.ReceiveText(ctx); err != nil { // the password, say
			return err
		}
		c.SetOptions(&sockets.SetOptions{MaxMessage: 1 << 20})
		fmt.Println(c.Options().MaxMessage)
		return nil
	}))
	defer stop()

	ctx := context.Background()
	c := must(sockets.Dial(ctx, url, nil))
	c.SendText(ctx, "secret")
	c.Receive(ctx)
	// Output: 1048576
}
