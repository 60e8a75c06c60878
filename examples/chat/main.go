// Command chat serves a page with rooms to talk in. The server is main.go and chat.go.
package main

import (
	"context"
	"embed"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

//go:embed index.html chat.css chat.js
var page embed.FS

func main() {
	addr := flag.String("addr", ":8080", "`HOST:PORT` to serve")
	flag.Parse()
	l, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal("chat: ", err)
	}
	server := &sockets.Server{
		Server: http.Server{Handler: handler(newRooms()), ReadHeaderTimeout: 10 * time.Second},
		Drain:  sockets.DrainOptions{Code: frame.ServiceRestart, Reason: "the server restarts"}, // so that the pages come back
	}
	go func() {
		if err := server.Serve(l); err != http.ErrServerClosed {
			log.Fatal("chat: ", err)
		}
	}()
	fmt.Printf("chat: open http://localhost:%d/ in two browsers\n", l.Addr().(*net.TCPAddr).Port)
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	<-interrupted.Done()
	stop() // a second Ctrl-C kills
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		log.Fatal("chat: ", err)
	}
}

// handler has the page, and the WebSockets of the rooms.
func handler(all *rooms) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(page))
	mux.Handle("GET /rooms/{room}", &sockets.SessionHandler{
		Serve:   all.session,
		Options: &sockets.Options{MaxMessage: 8 << 10},
		Stages:  []pipeline.Stage{pipeline.RateLimit{Messages: 10}.Stage()},
	})
	return mux
}
