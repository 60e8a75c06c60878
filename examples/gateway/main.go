// Command gateway stands in front of another server: WebSockets go through a sockets.Proxy,
// everything else through net/http's.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spindrift-go/spindrift/sockets"
)

func main() {
	addr := flag.String("addr", "localhost:8081", "`HOST:PORT` to serve on")
	to := flag.String("to", "http://localhost:8080", "`URL` of the server behind")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: gateway [-addr HOST:PORT] [-to URL]") }
	flag.Parse()
	target, err := url.Parse(*to)
	if err == nil {
		fmt.Printf("serving ws://%s/, in front of %s\n", *addr, target)
		err = serve(&sockets.Server{Server: http.Server{Addr: *addr, Handler: gateway(target)}})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

// gateway is what stands in front of target.
func gateway(target *url.URL) http.Handler {
	p := sockets.NewProxy(target)
	p.Plain = &httputil.ReverseProxy{Rewrite: p.Rewrite}
	return p
}

// serve serves until it is interrupted. Then backends and clients are told 1001.
func serve(server *sockets.Server) error {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(interrupted, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(ctx)
	})
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		return err
	}
	return nil
}
