// Command gateway stands in front of another server: WebSockets go through a sockets.Proxy,
// everything else through net/http's.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
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
	addr := flag.String("addr", "localhost:8081", "`HOST:PORT` to serve")
	to := flag.String("to", "http://localhost:8080", "`URL` of the server behind, http or https")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: gateway [-addr HOST:PORT] [-to URL]") }
	flag.Parse()
	if err := run(*addr, *to); err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

// run serves until it is interrupted.
func run(addr, to string) error {
	target, err := url.Parse(to)
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return fmt.Errorf("-to %q: write http://HOST:PORT or https://HOST:PORT", to)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("serving ws://%s/, in front of %s\n", l.Addr(), target)
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(interrupted, stop) // a second Ctrl-C kills
	return serve(interrupted, l, &sockets.Server{Server: http.Server{Handler: gateway(target)}})
}

// gateway is what stands in front of target.
func gateway(target *url.URL) http.Handler {
	p := sockets.NewProxy(target)
	p.Plain = &httputil.ReverseProxy{Rewrite: p.Rewrite}
	return p
}

// serve serves until it is interrupted. Then backends and clients are told 1001, and it returns when all have heard it:
// Serve returns as soon as Shutdown is called, and a main that ends with Serve would cut them off.
func serve(interrupted context.Context, l net.Listener, server *sockets.Server) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-interrupted.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}
