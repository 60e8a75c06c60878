package sockets_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// What a client says of itself, and how it connects.
func ExampleDialOptions() {
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		return c.SendText(ctx, c.Request().Header.Get("Authorization")+", "+c.Subprotocol())
	}))
	defer stop()

	ctx := context.Background()
	c := must(sockets.Dial(ctx, url, &sockets.DialOptions{
		Header:  http.Header{"Authorization": {"Bearer secret"}},
		Options: &sockets.Options{Subprotocols: []string{"chat"}, MaxMessage: 8 << 20},
		Dialer: sockets.Dialer{
			TLS:       &tls.Config{MinVersion: tls.VersionTLS13}, // of wss
			Proxy:     sockets.NoProxy,                           // nil: that of the environment
			Timeout:   5 * time.Second,
			Redirects: 3,
		},
	}))
	fmt.Println(c.ReceiveText(ctx))
	// Output: Bearer secret,  <nil>
}

// A server that answers with something else.
func ExampleHandshakeError() {
	url, stop := serve(http.NotFoundHandler())
	defer stop()
	_, err := sockets.Dial(context.Background(), url, nil)
	var refused *sockets.HandshakeError
	if errors.As(err, &refused) {
		fmt.Printf("%d %s", refused.Status, refused.Body)
	}
	// Output: 404 404 page not found
}

// How a connection has ended, of any call that came too late.
func ExampleCloseError() {
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		return frame.Failure(frame.TryAgainLater, "full")
	}))
	defer stop()

	c := must(sockets.Dial(context.Background(), url, nil))
	_, err := c.Receive(context.Background())
	var end *sockets.CloseError
	if errors.As(err, &end) {
		fmt.Println(end.Code, end.Reason, "by", end.By, end.Clean)
	}
	// Output: 1013 full by peer true
}

// A message of another type than the program speaks costs nothing but that message.
func ExampleMessageTypeError() {
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		c.SendBinary(ctx, []byte{1, 2, 3})
		return c.SendText(ctx, "text")
	}))
	defer stop()

	ctx := context.Background()
	c := must(sockets.Dial(ctx, url, nil))
	_, err := c.ReceiveText(ctx)
	var other *sockets.MessageTypeError
	if errors.As(err, &other) {
		fmt.Println(other.Message.Payload)
	}
	fmt.Println(c.ReceiveText(ctx))
	// Output:
	// [1 2 3]
	// text <nil>
}

// A client that comes back, and subscribes again on each connection.
func ExampleReconnecting() {
	times := 0
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		topic, err := c.ReceiveText(ctx)
		if err != nil {
			return err
		}
		if times++; times == 1 {
			return frame.Failure(frame.ServiceRestart, "deploying")
		}
		return c.SendText(ctx, topic+" again")
	}))
	defer stop()

	ctx := context.Background()
	c := must(sockets.DialReconnecting(url, nil, &sockets.Reconnect{
		Backoff: sockets.Backoff{Floor: time.Millisecond, First: 2 * time.Millisecond},
		First:   func(*sockets.Upgraded) []any { return []any{frame.Text("news")} },
		Lost: func(d *sockets.Disconnected) {
			if !d.Final {
				fmt.Println("lost:", d.Err)
			}
		},
	}))
	defer c.Close(frame.Normal, "")
	m, err := c.Receive(ctx)
	fmt.Println(m, err)
	// Output:
	// lost: connection was closed with 1012 "deploying"
	// news again <nil>
}

// Ten thousand clients that lose a server in the same moment come back spread.
func ExampleBackoff() {
	b := sockets.Backoff{Floor: time.Second, First: 2 * time.Second, Cap: time.Minute}
	for failures := range 3 {
		wait := b.Wait(failures)
		fmt.Println(wait >= time.Second, wait <= time.Minute)
	}
	// Output:
	// true true
	// true true
	// true true
}

// A client that is an actor.
func ExampleUpgradeClient() {
	url, stop := serve(sockets.Session(echo))
	defer stop()

	system := sockets.NewSystem()
	closed := make(chan *sockets.Closed)
	conn := must(sockets.DialActor(context.Background(), system, url, &sockets.UpgradeClient{
		Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *frame.Frame:
				fmt.Println(m)
				ctx.Respond(frame.Close(frame.Normal, ""))
			case *sockets.Closed:
				closed <- m
			}
		}),
	}))
	system.Root.Send(conn, frame.Text("hello"))
	end := <-closed
	fmt.Println(end.Code, end.Clean)
	// Output:
	// hello
	// 1000 true
}
