package sockets_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// serve is a server for the length of an example.
func serve(h http.Handler) (url string, stop func()) {
	server := httptest.NewServer(h)
	return "ws" + strings.TrimPrefix(server.URL, "http"), server.Close
}

// A connection inside an http.Handler. If Accept returns an error, the refusal is written.
func ExampleAccept() {
	url, stop := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := sockets.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.Close(frame.Normal, "")
		for m, err := range c.Messages(c.Context()) {
			if err != nil || c.Send(c.Context(), m) != nil {
				return
			}
		}
	}))
	defer stop()

	ctx := context.Background()
	c, err := sockets.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(frame.Normal, "")
	c.SendText(ctx, "hello")
	text, err := c.ReceiveText(ctx)
	fmt.Println(text, err)
	// Output: hello <nil>
}

// A session decides by its error how the connection ends, and the other side can tell.
func ExampleSession() {
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		password, err := c.ReceiveText(ctx)
		if err != nil {
			return err
		}
		if password != "sesame" {
			return frame.Failure(4401, "wrong password")
		}
		return c.SendText(ctx, "welcome")
	}))
	defer stop()

	ctx := context.Background()
	for _, password := range []string{"sesame", "guess"} {
		c, err := sockets.Dial(ctx, url, nil)
		if err != nil {
			log.Fatal(err)
		}
		c.SendText(ctx, password)
		text, err := c.ReceiveText(ctx)
		var end *sockets.CloseError
		if errors.As(err, &end) {
			fmt.Println("closed with", end.Code)
		} else {
			fmt.Println(text)
		}
		c.Close(frame.Normal, "")
	}
	// Output:
	// welcome
	// closed with 4401
}

// A message of any length goes through a Writer and a Reader, a piece at a time.
func ExampleConn_Writer() {
	options := &sockets.Options{Stream: true, MaxMessage: -1, MessageTime: -1}
	url, stop := serve(&sockets.SessionHandler{Options: options, Serve: func(ctx context.Context, c *sockets.Conn) error {
		_, r, err := c.Reader(ctx)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, r)
		if err != nil {
			return err
		}
		return c.SendText(ctx, fmt.Sprint(n, " bytes"))
	}})
	defer stop()

	ctx := context.Background()
	c, err := sockets.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(frame.Normal, "")
	w, err := c.Writer(ctx, frame.OpBinary)
	if err != nil {
		log.Fatal(err)
	}
	for range 1000 {
		io.WriteString(w, strings.Repeat("spindrift ", 100))
	}
	w.Close()
	fmt.Println(c.ReceiveText(ctx))
	// Output: 1000000 bytes <nil>
}

// Those who select have channels.
func ExampleConn_Incoming() {
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		c.SendText(ctx, "one")
		return c.SendText(ctx, "two")
	}))
	defer stop()

	ctx := context.Background()
	c, err := sockets.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	for m := range c.Incoming(ctx) {
		fmt.Println(m)
	}
	<-c.Done()
	fmt.Println(c.Closed().Code)
	// Output:
	// one
	// two
	// 1000
}

// The events of a connection as functions.
func ExampleCallbacks() {
	closed := make(chan struct{})
	url, stop := serve(&sockets.Callbacks{
		OnOpen:    func(c *sockets.Conn) { c.SendText(c.Context(), "welcome") },
		OnMessage: func(c *sockets.Conn, m *frame.Frame) { c.Send(c.Context(), m) },
		OnClose: func(_ *sockets.Conn, end sockets.Closed) {
			fmt.Println("closed by the", end.By, "with", end.Code)
			close(closed)
		},
	})
	defer stop()

	ctx := context.Background()
	c, err := sockets.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	c.SendText(ctx, "hello")
	for range 2 {
		fmt.Println(c.ReceiveText(ctx))
	}
	c.Close(frame.Normal, "")
	<-closed
	// Output:
	// welcome <nil>
	// hello <nil>
	// closed by the peer with 1000
}
