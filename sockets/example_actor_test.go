package sockets_test

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

// spawned serves a handler for each connection.
func spawned(o *sockets.Options, receive actor.ReceiveFunc) (url string, stop func()) {
	return serve(&sockets.Handler{Spawn: actor.PropsFromFunc(receive), Options: o})
}

// ask sends text and prints what comes back.
func ask(url, text string) {
	ctx := context.Background()
	c := must(sockets.Dial(ctx, url, nil))
	defer c.Close(frame.Normal, "")
	c.SendText(ctx, text)
	answer, err := c.ReceiveText(ctx)
	fmt.Println(answer, err)
}

// A message that is long is read while it arrives; a short one in the same way.
func ExampleIncomingOf() {
	url, stop := spawned(&sockets.Options{StreamOver: 1024, MaxMessage: -1, MaxFrame: -1}, func(ctx actor.Context) {
		m, ok := sockets.IncomingOf(ctx.Message())
		if !ok {
			return
		}
		body, conn, root := m.Reader(), ctx.Sender(), ctx.ActorSystem().Root // ctx is not for the goroutine
		go func() {
			if n, err := io.Copy(io.Discard, body); err == nil {
				root.Send(conn, frame.Text(fmt.Sprint(n, " bytes")))
			}
		}()
	})
	defer stop()
	ask(url, "short")
	ask(url, strings.Repeat("long ", 100_000))
	// Output:
	// 5 bytes <nil>
	// 500000 bytes <nil>
}

// Work that goes on after Receive: the peer sends nothing meanwhile.
func ExamplePause() {
	url, stop := spawned(nil, func(ctx actor.Context) {
		if m, ok := ctx.Message().(*frame.Frame); ok {
			conn, root := ctx.Sender(), ctx.ActorSystem().Root
			ctx.Respond(&sockets.Pause{})
			go func() {
				root.Send(conn, frame.Text("worked on "+m.String()))
				root.Send(conn, &sockets.Resume{})
			}()
		}
	})
	defer stop()
	ask(url, "it")
	// Output: worked on it <nil>
}

// Flushed comes when all that was sent before is written to the socket.
func ExampleFlush() {
	var conn *actor.PID
	url, stop := spawned(nil, func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *frame.Frame:
			conn = ctx.Sender()
			ctx.Send(conn, m)
			ctx.Request(conn, &sockets.Flush{})
		case *sockets.Flushed:
			fmt.Println("written:", m.Err == nil)
			ctx.Send(conn, &sockets.Leave{Code: frame.Normal, Reason: "done"})
		}
	})
	defer stop()
	ctx := context.Background()
	c := must(sockets.Dial(ctx, url, nil))
	c.SendText(ctx, "hello")
	text, _ := c.ReceiveText(ctx)
	_, err := c.Receive(ctx)
	fmt.Println(text, sockets.CloseCode(err))
	// Output:
	// written: true
	// hello 1000
}

// A producer that slows down for a peer that is slow.
func ExampleBackpressure() {
	paused := false
	_, stop := spawned(&sockets.Options{HighWater: 256 << 10}, func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *sockets.Backpressure:
			paused = true // m.Waiting bytes wait
		case *sockets.Drained:
			paused = false
		case *sockets.Dropped:
			fmt.Println(m.Messages, "will not go out")
		}
	})
	defer stop()
	fmt.Println(paused)
	// Output: false
}

// A Ping of the handler's own, and how long its Pong took.
func ExampleRoundTripTime() {
	url, stop := spawned(nil, func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *sockets.Upgraded:
			ctx.Respond(frame.Ping([]byte("mine")))
		case *sockets.RoundTripTime:
			ctx.Respond(frame.Text(fmt.Sprintf("%s took a while: %v", m.Payload, m.Duration > 0)))
		}
	})
	defer stop()
	c := must(sockets.Dial(context.Background(), url, nil))
	defer c.Close(frame.Normal, "")
	fmt.Println(c.ReceiveText(context.Background()))
	// Output: mine took a while: true <nil>
}

// Stages that change when somebody has said who they are.
func ExampleSetStages() {
	url, stop := spawned(nil, func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *frame.Frame: // a password, say
			ctx.Respond(&sockets.SetStages{Stages: []pipeline.Stage{pipeline.JSON[map[string]int]()}})
			ctx.Respond(&map[string]int{"len": len(m.Payload)}) // from here on values go out as JSON
		}
	})
	defer stop()
	ask(url, "secret")
	// Output: {"len":6} <nil>
}
