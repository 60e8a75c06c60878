// Command client runs the cases of an Autobahn engine: it asks how many there
// are, echoes through each, and has the reports written.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

func main() {
	base := flag.String("url", "ws://127.0.0.1:9001", "`URL` of the engine")
	agent := flag.String("agent", "spindrift", "`NAME` in the reports")
	portable := flag.Bool("portable", false, "a goroutine for each connection instead of the poller")
	conn := flag.Bool("conn", os.Getenv("ECHO") == "conn", "echo by ordinary code on a Conn in place of an actor")
	proxy := flag.Bool("proxy", os.Getenv("ECHO") == "proxy", "reach the engine through a Proxy")
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: client [-url URL] [-agent NAME] [-portable] [-conn] [-proxy]")
	}
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "client: unexpected argument %q\n", flag.Arg(0))
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	e := &engine{base: strings.TrimSuffix(*base, "/"), agent: url.QueryEscape(*agent), options: options(*portable), conn: *conn}
	e.system = sockets.NewSystem()
	if *proxy {
		if err := e.through(); err != nil {
			fmt.Fprintln(os.Stderr, "client:", err)
			os.Exit(1)
		}
	}
	if err := e.runAll(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(1)
	}
}

func options(portable bool) *sockets.Options {
	return &sockets.Options{
		Portable:     portable,
		Compression:  &pipeline.Compression{Threshold: -1},
		MaxFrame:     -1,
		MaxMessage:   -1,
		MaxFragments: -1,
		MaxOut:       -1,
	}
}

type engine struct {
	system      *actor.ActorSystem
	base, agent string
	options     *sockets.Options
	conn        bool // ordinary code in place of actors
}

// through puts a Proxy in front of the engine, which then sees the Proxy's client side.
func (e *engine) through() error {
	target, err := url.Parse(e.base)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p := sockets.NewProxy(target)
	p.System, p.Backend = e.system, e.options
	p.Options = &sockets.Options{Portable: e.options.Portable, MaxOut: -1}
	go http.Serve(l, p)
	e.base = "ws://" + l.Addr().String()
	return nil
}

func (e *engine) runAll(ctx context.Context) error {
	count, err := e.count(ctx)
	if err != nil {
		return err
	}
	for n := 1; n <= count; n++ {
		if err := e.visit(ctx, fmt.Sprintf("/runCase?case=%d&agent=%s", n, e.agent), nil); err != nil {
			return err
		}
		fmt.Printf("\rcase %d of %d", n, count)
	}
	fmt.Println()
	return e.visit(ctx, "/updateReports?agent="+e.agent, nil)
}

func (e *engine) count(ctx context.Context) (n int, err error) {
	var text string
	if err := e.visit(ctx, "/getCaseCount", &text); err != nil {
		return 0, err
	}
	if n, err = strconv.Atoi(text); err != nil {
		return 0, errors.New("the engine's case count is not a number: " + strconv.Quote(text))
	}
	return n, nil
}

// visit opens path and stays until the connection has closed: it echoes, or
// keeps what it gets in text.
func (e *engine) visit(ctx context.Context, path string, text *string) error {
	if e.conn {
		return e.visitConn(ctx, path, text)
	}
	closed := make(chan struct{})
	handler := func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *frame.Frame:
			if text != nil {
				*text = m.String()
			} else {
				ctx.Respond(m)
			}
		case *sockets.Closed:
			close(closed)
		}
	}
	pid, err := sockets.DialActor(ctx, e.system, e.base+path, &sockets.UpgradeClient{
		Spawn:   actor.PropsFromFunc(handler),
		Options: e.options,
	})
	if err != nil {
		return err
	}
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		e.system.Root.Send(pid, &sockets.Leave{})
		<-closed
		return ctx.Err()
	}
}

// visitConn is visit by ordinary code.
func (e *engine) visitConn(ctx context.Context, path string, text *string) error {
	c, err := sockets.Dial(ctx, e.base+path, &sockets.DialOptions{Options: e.options, System: e.system})
	if err != nil {
		return err
	}
	defer c.Close(frame.GoingAway, "")
	for m, err := range c.Messages(ctx) {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil: // many cases end so
			return nil
		case text != nil:
			*text = m.String()
		default:
			c.Send(ctx, m.Handover()) // if it cannot, receiving says so
		}
	}
	return nil
}
