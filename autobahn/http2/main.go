// Command http2 is command server behind a bridge, for an Autobahn engine to judge WebSockets over
// HTTP/2: engines speak HTTP/1.1. It carries each of their connections over a stream of the one
// HTTP/2 connection that it has to the server.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/internal/http2client"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	_ "github.com/spindrift-go/spindrift/sockets/http2"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9001", "`HOST:PORT` to listen on, for HTTP/1.1")
	flag.Parse()
	if err := run(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "http2:", err)
		os.Exit(1)
	}
}

func run(addr string) error {
	inside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := server()
	go server.Serve(inside)
	defer server.Close()
	conn, err := http2client.Dial(inside.Addr().String(), nil, 0)
	if err != nil {
		return err
	}
	defer conn.Close()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println("listening on", l.Addr())
	for {
		nc, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			if err := conn.Carry(nc.(*net.TCPConn)); err != nil {
				fmt.Fprintln(os.Stderr, "http2:", err)
			}
		}()
	}
}

// server echoes as command server does, over HTTP/2 in clear.
func server() *sockets.Server {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	handler := &sockets.Handler{Spawn: actor.PropsFromFunc(echo), Options: &sockets.Options{
		Compression:  &pipeline.Compression{Threshold: -1},
		MaxFrame:     -1,
		MaxMessage:   -1,
		MaxFragments: -1,
		MaxOut:       -1,
	}}
	return &sockets.Server{Server: http.Server{Handler: handler, Protocols: protocols}}
}

func echo(ctx actor.Context) {
	if f, ok := ctx.Message().(*frame.Frame); ok {
		ctx.Respond(f.Handover())
	}
}
