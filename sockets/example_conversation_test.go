package sockets_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"log"
	"net/http"
	"strings"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

// A greeter: each message is answered, four at a time, in their order.
func ExampleConn_Reply() {
	greet := func(_ context.Context, m *frame.Frame) (*frame.Frame, error) {
		return frame.Text("Hello " + m.String() + "!"), nil
	}
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		return c.Reply(ctx, 4, greet)
	}))
	defer stop()

	ctx := context.Background()
	c, err := sockets.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(frame.Normal, "")
	for _, name := range []string{"Peter", "Ann"} {
		c.SendText(ctx, name)
	}
	for range 2 {
		text, _ := c.ReceiveText(ctx)
		fmt.Println(text)
	}
	// Output:
	// Hello Peter!
	// Hello Ann!
}

// The greeter for messages of any length: its first bytes are out before the last are in.
func ExampleConn_Reader() {
	greet := func(ctx context.Context, c *sockets.Conn) error {
		op, name, err := c.Reader(ctx)
		if err != nil {
			return err
		}
		w, err := c.Writer(ctx, op)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, io.MultiReader(strings.NewReader("Hello "), name, strings.NewReader("!")))
		if err != nil {
			return err
		}
		return w.Close()
	}
	handler := sockets.Session(greet)
	handler.Options = &sockets.Options{Stream: true, MaxMessage: -1}
	url, stop := serve(handler)
	defer stop()

	ctx := context.Background()
	c, err := sockets.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(frame.Normal, "")
	c.SendText(ctx, "Peter")
	text, err := c.ReceiveText(ctx)
	fmt.Println(text, err)
	// Output: Hello Peter! <nil>
}

// A sink and a source that know nothing of each other: a feed, and what the client says.
func ExampleConn_Serve() {
	said := make(chan string, 1)
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		return c.Serve(ctx,
			func(_ context.Context, m *frame.Frame) error { said <- m.String(); return nil },
			func(context.Context) iter.Seq2[*frame.Frame, error] {
				return func(yield func(*frame.Frame, error) bool) {
					for i := range 3 { // as fast as the client takes it
						if !yield(frame.Text(fmt.Sprint("price ", i)), nil) {
							return
						}
					}
					fmt.Println("the client said", <-said)
				} // the end of the source closes with 1000
			})
	}))
	defer stop()

	ctx := context.Background()
	c, err := sockets.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	last := ""
	for m, err := range c.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if last = m.String(); last == "price 2" {
			c.SendText(ctx, "thanks")
		}
	}
	fmt.Println(last, c.Closed().Code)
	// Output:
	// the client said thanks
	// price 2 1000
}

// A stream over the whole connection: lines come out of whatever pieces come in.
func ExampleConn_Pipe() {
	lines := func(in iter.Seq2[*frame.Frame, error]) iter.Seq2[*frame.Frame, error] {
		return func(yield func(*frame.Frame, error) bool) {
			var rest []byte
			for m, err := range in {
				if err != nil {
					yield(nil, err)
					return
				}
				rest = append(rest, m.Payload...)
				for {
					line, after, found := bytes.Cut(rest, []byte("\n"))
					if !found {
						break
					}
					if !yield(frame.Text(string(line)), nil) {
						return
					}
					rest = after
				}
			}
		}
	}
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error { return c.Pipe(ctx, lines) }))
	defer stop()

	ctx := context.Background()
	c, err := sockets.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(frame.Normal, "")
	c.SendText(ctx, "one\ntw")
	c.SendText(ctx, "o\n")
	first, _ := c.ReceiveText(ctx)
	second, _ := c.ReceiveText(ctx)
	fmt.Println(first, second)
	// Output: one two
}

// Options that all routes have in common, which one of them refines; and what is in force.
func ExampleWithOptions() {
	tell := func(ctx context.Context, c *sockets.Conn) error {
		o := c.Options()
		return c.SendText(ctx, fmt.Sprint(o.MaxMessage, " ", o.PingInterval))
	}
	mux := http.NewServeMux()
	mux.Handle("/small", sockets.Session(tell))
	mux.Handle("/large", &sockets.SessionHandler{Serve: tell, Options: &sockets.Options{MaxMessage: 1 << 24}})
	url, stop := serve(sockets.WithOptions(&sockets.Options{MaxMessage: 1 << 10}, mux))
	defer stop()

	ctx := context.Background()
	for _, path := range []string{"/small", "/large"} {
		c, err := sockets.Dial(ctx, url+path, nil)
		if err != nil {
			log.Fatal(err)
		}
		text, _ := c.ReceiveText(ctx)
		fmt.Println(text)
		c.Close(frame.Normal, "")
	}
	// Output:
	// 1024 30s
	// 16777216 30s
}

// A subprotocol that is chosen by the request.
func ExampleChooseSubprotocol() {
	handler := sockets.Session(func(ctx context.Context, c *sockets.Conn) error { return nil })
	handler.Options = &sockets.Options{ChooseSubprotocol: func(r *http.Request) (string, error) {
		for _, p := range sockets.Subprotocols(r) {
			if p == "chat.v2" && r.URL.Query().Has("beta") || p == "chat.v1" {
				return p, nil
			}
		}
		return "", &sockets.Refusal{Status: http.StatusBadRequest, Reason: "chat.v1 is spoken here"}
	}}
	url, stop := serve(handler)
	defer stop()

	ctx := context.Background()
	both := &sockets.DialOptions{Options: &sockets.Options{Subprotocols: []string{"chat.v2", "chat.v1"}}}
	for _, query := range []string{"", "?beta"} {
		c, err := sockets.Dial(ctx, url+query, both)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(c.Subprotocol())
		c.Close(frame.Normal, "")
	}
	// Output:
	// chat.v1
	// chat.v2
}

// The request and the client of plain HTTP: its cookies, its proxy, its TLS.
func ExampleDialRequest() {
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		user, _, _ := c.Request().BasicAuth()
		return c.SendText(ctx, "hello "+user)
	}))
	defer stop()

	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	r.SetBasicAuth("ann", "secret")
	c, err := sockets.DialRequest(r, http.DefaultClient, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(frame.Normal, "")
	text, _ := c.ReceiveText(context.Background())
	fmt.Println(text)
	// Output: hello ann
}

// The greeter as an actor, for names of any length: it waits for the peer in a goroutine of
// its own, and its first bytes are out before the last are in.
func ExampleWriter() {
	greeter := actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *frame.Frame:
			ctx.Respond(frame.Text("Hello " + m.String() + "!"))
		case *sockets.Message: // longer than StreamOver
			conn, name := ctx.Sender(), m.Reader()
			go func() {
				w, err := sockets.Writer(context.Background(), nil, conn, m.Op())
				if err != nil {
					return
				}
				io.Copy(w, io.MultiReader(strings.NewReader("Hello "), name, strings.NewReader("!")))
				w.Close()
			}()
		}
	})
	url, stop := serve(&sockets.Handler{Spawn: greeter, Options: &sockets.Options{StreamOver: 1 << 10}})
	defer stop()

	ctx := context.Background()
	c, err := sockets.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(frame.Normal, "")
	for _, name := range []string{"Peter", strings.Repeat("Peter", 10_000)} {
		c.SendText(ctx, name)
		text, _ := c.ReceiveText(ctx)
		fmt.Println(len(text))
	}
	// Output:
	// 12
	// 50007
}

// An extension of the program's own, in both roles: it turns upper case into lower case and
// back, and marks with a reserved bit what it has turned.
func ExampleOptions_extensions() {
	turn := func(f *frame.Frame, rsv byte) *frame.Frame {
		g := frame.New(f.Opcode, len(f.Payload))
		g.Fin, g.RSV = f.Fin, rsv
		for _, b := range f.Payload {
			if 'a' <= b|0x20 && b|0x20 <= 'z' {
				b ^= 0x20
			}
			g.Payload = append(g.Payload, b)
		}
		return g
	}
	stage := func(up, down pipeline.Sink) (onUp, onDown pipeline.Sink) {
		onUp = func(item any) {
			if f, ok := item.(*frame.Frame); ok && !f.Opcode.Control() {
				item = turn(f, f.RSV&^frame.RSV2)
			}
			up(item)
		}
		onDown = func(item any) {
			if f, ok := item.(*frame.Frame); ok && !f.Opcode.Control() {
				rsv := f.RSV
				if f.Opcode != frame.OpContinuation {
					rsv |= frame.RSV2
				}
				item = turn(f, rsv)
				f.Sent()
			}
			down(item)
		}
		return onUp, onDown
	}
	options := &sockets.Options{Extensions: []pipeline.Extension{{
		Name:   "x-turned",
		RSV:    frame.RSV2,
		Accept: func(pipeline.Params) (pipeline.Params, pipeline.Stage, bool) { return nil, stage, true },
		Agree:  func(pipeline.Params) (pipeline.Stage, error) { return stage, nil },
	}}}
	handler := sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		return c.Reply(ctx, 1, func(_ context.Context, m *frame.Frame) (*frame.Frame, error) { return m, nil })
	})
	handler.Options = options
	url, stop := serve(handler)
	defer stop()

	ctx := context.Background()
	c, err := sockets.Dial(ctx, url, &sockets.DialOptions{Options: options})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(frame.Normal, "")
	c.SendText(ctx, "Hello")
	text, _ := c.ReceiveText(ctx)
	fmt.Println(text, c.Extensions())
	// Output: Hello [x-turned]
}

// A route that says "bye": Ktor's sample of a session.
func ExampleConn_Messages() {
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		if err := c.SendText(ctx, "You are connected!"); err != nil {
			return err
		}
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			if m.String() == "bye" {
				return c.Close(frame.Normal, "Client said BYE")
			}
			if err := c.SendText(ctx, "YOU SAID: "+m.String()); err != nil {
				return err
			}
		}
		return nil
	}))
	defer stop()

	ctx := context.Background()
	c, err := sockets.Dial(ctx, url, nil)
	if err != nil {
		log.Fatal(err)
	}
	c.SendText(ctx, "hi")
	c.SendText(ctx, "bye")
	for m, err := range c.Messages(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(m)
	}
	fmt.Println(c.Closed().Reason)
	// Output:
	// You are connected!
	// YOU SAID: hi
	// Client said BYE
}
