// Command upload is a server that takes messages of any length and answers with their digest.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// start README upload
// uploads answers each message with its digest; a long one is read while it arrives.
func uploads(ctx actor.Context) {
	if m, ok := sockets.IncomingOf(ctx.Message()); ok {
		go digest(m.Reader(), ctx.Sender(), ctx.ActorSystem().Root) // Reader is called in our turn
	}
}

func digest(r io.Reader, conn *actor.PID, root *actor.RootContext) {
	h := sha256.New()
	if _, err := io.Copy(h, r); err == nil {
		root.Send(conn, frame.Text(fmt.Sprintf("%x", h.Sum(nil))))
	}
}

// options let one message be of any length and take any time.
var options = &sockets.Options{StreamOver: 64 << 10, MaxMessage: -1, MessageTime: -1}

// end README upload

func main() {
	addr := flag.String("addr", "localhost:8080", "`HOST:PORT` to serve")
	flag.Parse()
	log.Printf("serving ws://%s/", *addr)
	log.Fatal((&sockets.Server{Server: http.Server{Addr: *addr, Handler: handler()}}).ListenAndServe())
}

func handler() http.Handler {
	return &sockets.Handler{Spawn: actor.PropsFromFunc(uploads), Options: options}
}
