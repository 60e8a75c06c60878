package main

import (
	"bytes"
	"context"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

func coderContenders() []contender {
	rows := []string{"echo", "deflate", "tls", "broadcast"}
	return []contender{
		{
			Name: "coder", Kind: "peer", About: "Read, Write, in the HTTP handler, read limit lifted",
			Room: "no: its chat example, a queue and a writing goroutine for each member",
			UTF8: "off (left to the user)", Rows: append([]string{"room"}, rows...),
			serve: func(ln net.Listener, s setup) error { return serveCoder(ln, s, false) },
		},
		{
			Name: "coder-tuned", Kind: "peer", About: "Reader into pooled buffers, Write; it has no other settings",
			Room: stalling, UTF8: "off (left to the user)", Rows: rows,
			serve: func(ln net.Listener, s setup) error { return serveCoder(ln, s, true) },
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

func serveCoder(ln net.Listener, s setup, tuned bool) error {
	options := &websocket.AcceptOptions{}
	if s.deflate {
		options.CompressionMode = websocket.CompressionNoContextTakeover
	}
	read := readCoder
	if tuned {
		read = readCoderPooled
	}
	ctx := context.Background()
	var chat room[*coderMember]
	var all room[*websocket.Conn]
	return serveHTTP(ln, s, webMux(func(w http.ResponseWriter, r *http.Request, broadcast bool) {
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
			all.join(c)
			defer all.leave(c)
			answer = func(kind websocket.MessageType, payload []byte) error {
				all.each(func(c *websocket.Conn) error { return c.Write(ctx, kind, payload) })
				return nil
			}
		}
		for read(ctx, c, answer) == nil {
		}
	}))
}
