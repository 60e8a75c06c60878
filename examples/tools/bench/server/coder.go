package main

import (
	"bytes"
	"context"
	"net"
	"net/http"

	"github.com/coder/websocket"
	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
)

func coderContenders() []serve.Contender {
	rows := []string{"echo", "deflate", "tls", "broadcast"}
	return []serve.Contender{
		{
			Name: "coder", Kind: "peer", About: "Read, Write, in the HTTP handler, read limit lifted",
			Room: "no: its chat example, a queue and a writing goroutine for each member",
			UTF8: "off (left to the user)", Rows: append([]string{"room"}, rows...),
			Serve: func(ln net.Listener, s serve.Setup) error { return serveCoder(ln, s, false) },
		},
		{
			Name: "coder-tuned", Kind: "peer", About: "Reader into pooled buffers, Write; it has no other settings",
			Room: serve.Stalling, UTF8: "off (left to the user)", Rows: rows,
			Serve: func(ln net.Listener, s serve.Setup) error { return serveCoder(ln, s, true) },
		},
	}
}

// readCoder reads one message and lends it to use.
func readCoder(ctx context.Context, c *websocket.Conn, use func(websocket.MessageType, []byte) error) error {
	kind, payload, err := c.Read(ctx)
	if err != nil {
		return err
	}
	return use(kind, payload)
}

func readCoderPooled(ctx context.Context, c *websocket.Conn, use func(websocket.MessageType, []byte) error) error {
	kind, r, err := c.Reader(ctx)
	if err != nil {
		return err
	}
	message := messages.Get().(*bytes.Buffer)
	defer messages.Put(message)
	message.Reset()
	if _, err := message.ReadFrom(r); err != nil {
		return err
	}
	return use(kind, message.Bytes())
}

func serveCoder(ln net.Listener, s serve.Setup, tuned bool) error {
	options := &websocket.AcceptOptions{}
	if s.Deflate {
		options.CompressionMode = websocket.CompressionNoContextTakeover
	}
	read := readCoder
	if tuned {
		read = readCoderPooled
	}
	ctx := context.Background()
	var chat serve.Room[*coderMember]
	var all serve.Room[*websocket.Conn]
	return serveHTTP(ln, s, serve.WebMux(func(w http.ResponseWriter, r *http.Request, broadcast bool) {
		c, err := websocket.Accept(w, r, options)
		if err != nil {
			return
		}
		defer c.CloseNow()
		c.SetReadLimit(-1)
		if broadcast && !tuned {
			chatCoder(ctx, c, &chat)
			return
		}
		answer := func(kind websocket.MessageType, payload []byte) error { return c.Write(ctx, kind, payload) }
		if broadcast {
			all.Join(c)
			defer all.Leave(c)
			answer = func(kind websocket.MessageType, payload []byte) error {
				all.Each(func(c *websocket.Conn) error { return c.Write(ctx, kind, payload) })
				return nil
			}
		}
		for read(ctx, c, answer) == nil {
		}
	}))
}
