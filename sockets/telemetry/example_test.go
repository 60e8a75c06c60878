package telemetry_test

import (
	"context"
	"log"
	"net/http"

	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/telemetry"
)

// start README telemetry

// serve serves h, and tells OpenTelemetry of all connections.
func serve(addr string, h http.Handler) error {
	observer, err := telemetry.New(nil) // by the global providers, which the program has set
	if err != nil {
		return err
	}
	server := &sockets.Server{
		Server:    http.Server{Addr: addr, Handler: h},
		Observers: []*sockets.Observer{observer},
	}
	return server.ListenAndServe()
}

// end README telemetry

// Metrics and spans of a server that echoes go to the providers that the program has set.
func ExampleNew() {
	log.Fatal(serve(":8080", sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		for m, err := range c.Messages(ctx) {
			if err == nil {
				err = c.Send(ctx, m)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})))
}
