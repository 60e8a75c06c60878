// Command observe is an echo server that shows what its connections do: a line in the log for
// each that opens, closes or is refused, and all figures under /debug/vars.
package main

import (
	"context"
	"expvar"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/spindrift-go/spindrift/sockets"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "`HOST:PORT` to serve on")
	flag.Usage = func() { fmt.Fprintln(os.Stderr, "usage: observe [-addr HOST:PORT]") }
	flag.Parse()
	var counters sockets.Counters
	expvar.Publish("websockets", &counters) // its page is at /debug/vars of the mux
	server := newServer(&counters, slog.Default())
	server.Addr = *addr
	fmt.Printf("serving ws://%s/echo, figures at http://%s/debug/vars\n", *addr, *addr)
	if err := server.ListenAndServe(); err != nil {
		fmt.Fprintln(os.Stderr, "observe:", err)
		os.Exit(1)
	}
}

func newServer(counters *sockets.Counters, log *slog.Logger) *sockets.Server {
	mux := http.NewServeMux()
	mux.Handle("/echo", sockets.Session(echo))
	mux.Handle("/debug/vars", expvar.Handler())
	return &sockets.Server{
		Server:    http.Server{Handler: mux},
		Observers: []*sockets.Observer{counters.Observer(), logging(log)},
	}
}

// start README observe
func logging(log *slog.Logger) *sockets.Observer {
	return &sockets.Observer{
		Opened:  func(c *sockets.Observed, _ *http.Request) { log.Info("opened", "conn", c) },
		Refused: func(r *sockets.Refused) { log.Warn("refused", "handshake", r) },
		Closed: func(c *sockets.Observed, how *sockets.Closed) {
			log.Info("closed", "conn", c, "code", how.Code, "by", how.By, "error", how.Err)
		},
	}
}

// end README observe

func echo(ctx context.Context, c *sockets.Conn) error {
	for {
		m, err := c.Receive(ctx)
		if err != nil {
			return err
		}
		if err := c.Send(ctx, m); err != nil {
			return err
		}
	}
}
