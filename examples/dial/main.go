// Command dial is a client: it sends what it reads from standard input, line by
// line, and prints what comes back.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

func main() {
	url := flag.String("url", "ws://localhost:8080/", "`URL` of a WebSocket")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: dial [-url URL]") }
	flag.Parse()
	if err := run(*url, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "dial:", err)
		os.Exit(1)
	}
}

// start README client
func run(url string, lines io.Reader) error {
	system := sockets.NewSystem()
	closed := make(chan *sockets.Closed)
	conn, err := sockets.DialActor(context.Background(), system, url, &sockets.UpgradeClient{
		Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *frame.Frame:
				fmt.Println(m)
			case *sockets.Closed:
				closed <- m
			}
		}),
	})
	if err != nil {
		return err
	}
	go func() {
		for in := bufio.NewScanner(lines); in.Scan(); {
			system.Root.Send(conn, frame.Text(in.Text()))
		}
		system.Root.Send(conn, frame.Close(frame.Normal, "end of input"))
	}()
	end := <-closed
	fmt.Fprintf(os.Stderr, "closed: %v %q\n", end.Code, end.Reason)
	return end.Failure() // nil for 1000 and 1001
}

// end README client
