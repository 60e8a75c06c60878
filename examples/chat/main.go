// Command chat serves a page with rooms to talk in. The server is main.go and chat.go.
package main

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

//go:embed chat.html chat.css chat.js
var page embed.FS

func main() {
	addr := flag.String("addr", ":8080", "`HOST:PORT` to serve")
	flag.Usage = func() { fmt.Fprintln(flag.CommandLine.Output(), "usage: chat [-addr HOST:PORT]") }
	flag.Parse()
	err := error(nil)
	if flag.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flag.Arg(0))
	} else {
		err = run(*addr)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w: another program is there, choose another with -addr", err)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

func run(addr string) error {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &sockets.Server{
		Server: http.Server{Handler: handler(newRooms()), ReadHeaderTimeout: 10 * time.Second},
		Drain:  sockets.DrainOptions{Code: frame.ServiceRestart, Reason: "the server restarts"}, // so that the pages come back
	}
	ended := make(chan error, 1)
	go func() {
		<-interrupted.Done()
		stop() // a second Ctrl-C kills
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		d, err := server.ShutdownResult(ctx)
		fmt.Printf("closed %d connections, cut %d of them\n", d.Asked, d.Cut)
		ended <- err
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	fmt.Printf("chat: open http://localhost:%s/ in two browsers\n", port)
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return <-ended
}

// handler has the page, and the WebSockets of the rooms.
func handler(all *rooms) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src data:")
		http.ServeFileFS(w, r, page, "chat.html")
	})
	mux.Handle("GET /chat.css", http.FileServerFS(page))
	mux.Handle("GET /chat.js", http.FileServerFS(page))
	mux.Handle("GET /rooms/{room}", &sockets.SessionHandler{Serve: all.session, Options: &sockets.Options{MaxMessage: 8 << 10, MaxFrame: 8 << 10}})
	return mux
}
