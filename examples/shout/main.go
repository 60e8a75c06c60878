// Command shout is a complete server: a listener actor gets the requests, and
// the same actor gets the frames of the connections that it upgrades.
package main

import (
	"log"
	"net/http"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// start README server
type shout struct{}

func (shout) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *http.Request: // answer with a response or an upgrade
		ctx.Respond(&sockets.UpgradeServer{FrameHandler: ctx.Self()})
	case *sockets.Upgraded: // ctx.Sender() is the connection: keep it, send to it
		ctx.Respond(frame.Text("welcome"))
	case *frame.Frame:
		ctx.Respond(frame.Text(strings.ToUpper(m.String())))
	case *sockets.Closed: // exactly once, always last
		log.Printf("closed: %v %q clean=%v by %v: %v", m.Code, m.Reason, m.Clean, m.By, m.Err)
	}
}

func main() {
	system := sockets.NewSystem()
	listener := system.Root.Spawn(actor.PropsFromProducer(func() actor.Actor { return shout{} }))
	server := &sockets.Server{System: system, Listener: listener}
	server.Addr = ":8080"
	log.Print("serving ws://localhost:8080/")
	log.Fatal(server.ListenAndServe())
}

// end README server
