// Command start is the least: an echo. The README begins with it.
package main

import (
	"context"
	"log"
	"net/http"

	"github.com/spindrift-go/spindrift/sockets"
)

func main() {
	http.Handle("/echo", sockets.Session(echo))
	log.Print("serving ws://localhost:8080/echo")
	log.Fatal(http.ListenAndServe("localhost:8080", nil))
}

// start README start
func echo(ctx context.Context, c *sockets.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err == nil {
			err = c.Send(ctx, m)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// end README start
