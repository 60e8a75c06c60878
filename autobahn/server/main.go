// Command server echoes every message on every path, compressed where that was
// agreed on, for an Autobahn engine to judge.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9001", "`HOST:PORT` to listen on")
	portable := flag.Bool("portable", false, "a goroutine for each connection instead of the poller")
	conn := flag.Bool("conn", os.Getenv("ECHO") == "conn", "echo by ordinary code on a Conn in place of an actor")
	proxy := flag.Bool("proxy", os.Getenv("ECHO") == "proxy", "serve the echo through a Proxy")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: server [-addr HOST:PORT] [-portable] [-conn] [-proxy]") }
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "server: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	if err := run(*addr, *portable, *conn, *proxy); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

func run(addr string, portable, conn, proxy bool) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	options := &sockets.Options{
		Portable:     portable,
		Compression:  &pipeline.Compression{Threshold: -1},
		MaxFrame:     -1,
		MaxMessage:   -1,
		MaxFragments: -1,
		MaxOut:       -1,
	}
	var handler http.Handler = &sockets.Handler{Spawn: actor.PropsFromFunc(echo), Options: options}
	if conn {
		handler = &sockets.SessionHandler{Serve: echoConn, Options: options}
	}
	if proxy {
		behind, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		go http.Serve(behind, handler)
		p := sockets.NewProxy(&url.URL{Scheme: "ws", Host: behind.Addr().String()})
		p.Options = options // and no compression behind: what repeats itself would look like a bomb there
		handler = p
	}
	server := &sockets.Server{Server: http.Server{
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    sockets.MaxHeaderBytes,
		Handler:           handler,
	}}
	fmt.Println("listening on", l.Addr())
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-interrupted.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		server.Shutdown(ctx)
	}()
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}

func echoConn(ctx context.Context, c *sockets.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Send(ctx, m.Handover()); err != nil {
			return err
		}
	}
	return nil
}

func echo(ctx actor.Context) {
	if f, ok := ctx.Message().(*frame.Frame); ok {
		ctx.Respond(f.Handover())
	}
}
