// Command feed is a client that comes back: it subscribes to topics, and again on each new
// connection, and prints what it is sent.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

func main() {
	url := flag.String("url", "ws://localhost:8080/", "`URL` of a WebSocket")
	flag.Parse()
	if err := follow(*url, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "feed:", err)
		os.Exit(1)
	}
}

// start README feed
func follow(url string, topics []string) error {
	over := make(chan error, 1)
	_, err := sockets.ReconnectActor(nil, url, &sockets.UpgradeClient{
		Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case *frame.Frame:
				fmt.Println(m)
			case *sockets.Disconnected:
				if m.Final {
					over <- m.Err
				} else {
					log.Printf("%v; again in %v", m.Err, m.RetryIn)
				}
			}
		}),
	}, &sockets.Reconnect{
		First: func(*sockets.Upgraded) (messages []any) { // on each connection
			for _, topic := range topics {
				messages = append(messages, frame.Text("subscribe "+topic))
			}
			return messages
		},
	})
	if err != nil {
		return err
	}
	return <-over
}

// end README feed
