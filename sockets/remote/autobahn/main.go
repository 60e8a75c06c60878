// Command autobahn echoes every message as autobahn/server does, by a handler on another node, which is a
// process of its own: make autobahn-remote has the judge take it for the server.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/remote"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9001", "`HOST:PORT` to listen on")
	worker := flag.Bool("worker", false, "be the node of the handler, until standard input ends")
	flag.Parse()
	run := serve
	if *worker {
		run = handle
	}
	if err := run(*addr); err != nil {
		log.Fatal(err)
	}
}

func node() (*actor.ActorSystem, *remote.Node, error) {
	system := sockets.NewSystem()
	n, err := remote.Start(system, remote.Config{Addr: "127.0.0.1:0", InsecureLoopback: true, Log: slog.New(slog.DiscardHandler)})
	return system, n, err
}

// handle is the worker.
func handle(string) error {
	system, n, err := node()
	if err != nil {
		return err
	}
	if _, err := system.Root.SpawnNamed(actor.PropsFromFunc(echo, sockets.Dispatcher(system)), "echo"); err != nil {
		return err
	}
	fmt.Println(n.Addr())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
	}
	return nil
}

func echo(ctx actor.Context) {
	if f, ok := ctx.Message().(*frame.Frame); ok && !f.Opcode.Control() {
		ctx.Respond(f)
	}
}

// serve is the gateway.
func serve(addr string) error {
	cmd := exec.Command(os.Args[0], "-worker")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return fmt.Errorf("the worker has not started: %w", cmd.Wait())
	}
	system, _, err := node()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &sockets.Server{System: system, Server: http.Server{Handler: &sockets.Handler{
		FrameHandler: actor.NewPID(lines.Text(), "echo"),
		Options: &sockets.Options{
			Compression: &pipeline.Compression{Threshold: -1},
			MaxFrame:    -1, MaxMessage: -1, MaxFragments: -1, MaxOut: -1,
		},
	}}}
	fmt.Println("listening on", l.Addr())
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(interrupted, func() { server.Close() })
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return nil
}
