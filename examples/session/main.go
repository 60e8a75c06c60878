// Command session is a server without an actor in sight: what each client sends is JSON,
// and so is what it gets. -connect is a client of it, -follow one that comes back.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "`HOST:PORT` to serve on")
	url := flag.String("connect", "", "`URL` of a server to greet, such as ws://localhost:8080/greet/en; none: serve")
	again := flag.String("follow", "", "`URL` of a server to be greeted by on each connection; none: serve")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: session [-addr HOST:PORT] [-connect URL] [-follow URL]") }
	flag.Parse()
	err := error(nil)
	if *url != "" {
		err = connect(context.Background(), *url)
	} else if *again != "" {
		err = follow(context.Background(), *again)
	} else {
		fmt.Println("serving ws://" + *addr + "/greet/en")
		err = (&sockets.Server{Server: http.Server{Addr: *addr, Handler: mux()}}).ListenAndServe()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "session:", err)
		os.Exit(1)
	}
}

// start README session
type person struct{ Name string }
type greeting struct{ Text string }

func greet(ctx context.Context, c *sockets.Conn) error {
	hello := map[string]string{"en": "hello", "de": "hallo"}[c.Request().PathValue("language")]
	for {
		var p person
		if err := c.ReceiveJSON(ctx, &p); err != nil {
			return err // the peer's Close among others: nothing is left to do
		}
		if err := c.SendJSON(ctx, greeting{hello + " " + p.Name}); err != nil {
			return err
		}
	}
}

func mux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /greet/{language}", sockets.Session(greet))
	return mux
}

// end README session

// start README connect
func connect(ctx context.Context, url string) error {
	c, err := sockets.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer c.Close(frame.Normal, "")
	var g greeting
	if err := c.SendJSON(ctx, person{"Ann"}); err != nil {
		return err
	}
	if err := c.ReceiveJSON(ctx, &g); err != nil {
		return err
	}
	fmt.Println(g.Text)
	return nil
}

// end README connect
