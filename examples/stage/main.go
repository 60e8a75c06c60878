// Command stage echoes, behind a stage of its own that limits how many messages
// a peer may send.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "`HOST:PORT` to serve")
	messages := flag.Int("messages", 10, "messages a second that a peer may send")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: stage [-addr HOST:PORT] [-messages N]") }
	flag.Parse()
	system := sockets.NewSystem()
	server := &sockets.Server{System: system, Server: http.Server{Addr: *addr}}
	server.Handler = &sockets.Handler{
		System: system,
		Spawn: actor.PropsFromFunc(func(ctx actor.Context) {
			if f, ok := ctx.Message().(*frame.Frame); ok {
				ctx.Respond(f)
			}
		}),
		Stages: []pipeline.Stage{RateLimit(*messages, time.Second)},
	}
	log.Printf("serving ws://%s/", *addr)
	log.Fatal(server.ListenAndServe())
}
