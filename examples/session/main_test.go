package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

func Example() {
	server := httptest.NewServer(mux())
	defer server.Close()
	if err := connect(context.Background(), "ws"+strings.TrimPrefix(server.URL, "http")+"/greet/en"); err != nil {
		panic(err)
	}
	// Output: hello Ann
}

// A server that has said enough ends it.
func Example_follow() {
	server := httptest.NewServer(http.Handler(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		var p person
		if err := c.ReceiveJSON(ctx, &p); err != nil {
			return err
		}
		if err := c.SendJSON(ctx, greeting{"welcome " + p.Name}); err != nil {
			return err
		}
		return frame.Failure(frame.PolicyViolation, "enough")
	})))
	defer server.Close()
	err := follow(context.Background(), "ws"+strings.TrimPrefix(server.URL, "http"))
	fmt.Println(sockets.CloseCode(err))
	// Output:
	// welcome Ann
	// 1008
}
