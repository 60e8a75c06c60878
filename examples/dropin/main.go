// Command dropin puts a chat room into an ordinary net/http program: the server
// is replaced, the mux and everything else stay.
package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// start README dropin
type room struct{ members map[string]*actor.PID }

func (r *room) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *sockets.Upgraded:
		r.members[ctx.Sender().Id] = ctx.Sender()
	case *frame.Frame: // the same frame for everybody: it is never changed
		for _, member := range r.members {
			ctx.Send(member, m)
		}
	case *sockets.Closed:
		delete(r.members, ctx.Sender().Id)
	}
}

func server(addr string) *sockets.Server {
	system := sockets.NewSystem()
	chat := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor {
		return &room{members: map[string]*actor.PID{}}
	}, sockets.Dispatcher(system)))

	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "open a WebSocket at /chat") })
	mux.Handle("/chat", &sockets.Handler{System: system, FrameHandler: chat})

	return &sockets.Server{System: system, Server: http.Server{Addr: addr, Handler: mux}} // ListenAndServe
}

// end README dropin

func main() {
	log.Print("serving ws://localhost:8080/chat")
	log.Fatal(server(":8080").ListenAndServe())
}
