// Command typed is a server whose handler sees values and no frames: JSON goes in and out.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

// start README typed
type order struct{ Item string }
type receipt struct {
	Item   string
	Number int
}

// shop is an actor for each connection, with messages of its own kind.
type shop struct{ sold int }

func (s *shop) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *order: // {"Item":"tea"}
		s.sold++
		ctx.Respond(&receipt{m.Item, s.sold})
	case *pipeline.FormatError: // what is no order: Report
		ctx.Respond(map[string]string{"Error": "send an order"})
	}
}

func handler() *sockets.Handler {
	return &sockets.Handler{
		Spawn:  actor.PropsFromProducer(func() actor.Actor { return new(shop) }),
		Stages: []pipeline.Stage{pipeline.Typed{Format: pipeline.JSONFormat[order](), Report: true}.Stage()},
	}
}

// end README typed

func main() {
	addr := flag.String("addr", "localhost:8080", "`HOST:PORT` to serve")
	flag.Parse()
	log.Printf("serving ws://%s/", *addr)
	log.Fatal(http.ListenAndServe(*addr, handler()))
}
