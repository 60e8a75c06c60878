package sockets_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// talk serves echoes to a client that is no WebSocket, and then to one that sends hello.
func talk(observers ...*sockets.Observer) {
	server := &sockets.Server{Observers: observers, Server: http.Server{Handler: sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			c.Send(ctx, m)
		}
		return nil
	})}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go server.Serve(l)
	if r, err := http.Get("http://" + l.Addr().String() + "/chat"); err == nil {
		r.Body.Close()
	}
	ctx := context.Background()
	c, err := sockets.Dial(ctx, "ws://"+l.Addr().String()+"/chat", nil)
	if err != nil {
		log.Fatal(err)
	}
	c.SendText(ctx, "hello")
	c.Receive(ctx)
	c.Close(frame.Normal, "")
	server.Shutdown(ctx)
}

// An observer is told of each handshake Refused, or Opened and at last Closed.
func ExampleObserver() {
	talk(&sockets.Observer{
		Opened:  func(c *sockets.Observed, r *http.Request) { fmt.Println("opened", c.Path, r.Proto) },
		Refused: func(r *sockets.Refused) { fmt.Println("refused", r.Status) },
		Closed: func(c *sockets.Observed, how *sockets.Closed) {
			fmt.Println("closed", how.Code, "by", how.By, "after", c.Traffic.MessagesIn, "messages")
		},
	})
	// Output:
	// refused 426
	// opened /chat HTTP/1.1
	// closed 1000 by peer after 1 messages
}

// Counters count for a page, or expvar.
func ExampleCounters() {
	var counters sockets.Counters
	talk(counters.Observer())
	s := counters.Stats()
	fmt.Println(s.Open, "open of", s.Opened, s.Closed, s.Refused, s.BytesOut, "bytes out")
	// Output: 0 open of 1 map[1000:1] map[426:1] 5 bytes out
}
