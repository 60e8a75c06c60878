// Command echo serves a page that shows every frame of a WebSocket, and echoes what comes
// over any WebSocket on any path.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	_ "net/http/pprof"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type config struct {
	addr, debug string
	drain       time.Duration
	portable    bool
}

func main() {
	c, err := parse(os.Args[1:])
	switch {
	case err == flag.ErrHelp:
		return
	case err != nil:
		fmt.Fprintf(os.Stderr, "echo: %v (-help lists the flags)\n", err)
		os.Exit(2)
	}
	if err := run(c); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

func parse(args []string) (c config, err error) {
	flags := flag.NewFlagSet("echo", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.addr, "addr", ":8080", "`HOST:PORT` to serve")
	flags.StringVar(&c.debug, "debug", "", "second `HOST:PORT`, for /debug/pprof and /debug/vars; none if empty")
	flags.DurationVar(&c.drain, "drain", 10*time.Second, "how long to wait for connections to close at the end")
	flags.BoolVar(&c.portable, "portable", false, "a goroutine for each connection instead of the poller")
	if err = flags.Parse(args); err == flag.ErrHelp {
		fmt.Println("usage: echo [flags]")
		flags.SetOutput(os.Stdout)
		flags.PrintDefaults()
	} else if err == nil && flags.NArg() > 0 {
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return c, err
}

func run(c config) error {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", c.addr)
	if err != nil {
		return explain(err)
	}
	server := newServer(c.portable)
	if c.debug != "" {
		d, err := net.Listen("tcp", c.debug)
		if err != nil {
			return explain(err)
		}
		publish(server)
		fmt.Printf("debug: http://%s/debug/pprof/ and /debug/vars\n", d.Addr())
		go http.Serve(d, nil)
	}
	ended := make(chan error, 1)
	go func() {
		<-interrupted.Done()
		stop() // a second Ctrl-C kills
		fmt.Printf("draining %d connections, %v at most\n", server.Connections(), c.drain)
		ctx, cancel := context.WithTimeout(context.Background(), c.drain)
		defer cancel()
		d, err := server.ShutdownResult(ctx)
		fmt.Printf("closed %d connections, cut %d of them\n", d.Asked, d.Cut)
		ended <- err
	}()
	fmt.Printf("echo: open %s in a browser, or send frames to %s\n", local("http", l.Addr()), local("ws", l.Addr()))
	if err := server.Serve(l); err != http.ErrServerClosed {
		return err
	}
	return <-ended
}

func explain(err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w: another program is there, choose another with -addr", err)
	}
	return err
}

// local is addr as this machine can open it.
func local(scheme string, addr net.Addr) string {
	host, port, _ := net.SplitHostPort(addr.String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port) + "/"
}
