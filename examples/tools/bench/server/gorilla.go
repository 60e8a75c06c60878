package main

import (
	"bytes"
	"net"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"
	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
)

func gorillaContenders() []serve.Contender {
	rows := []string{"echo", "deflate", "tls", "broadcast"}
	return []serve.Contender{
		{
			Name: "gorilla", Kind: "peer", About: "as in its echo example: ReadMessage, WriteMessage, in the HTTP handler",
			Room: "no: its chat example, a hub with a queue and a writing goroutine for each member",
			UTF8: "off (left to the user)", Rows: append([]string{"room"}, rows...), Serve: serveGorilla,
		},
		{
			Name: "gorilla-tuned", Kind: "peer", About: "write buffer pool, 1 KiB buffers, messages read into pooled buffers, handler returned",
			Room: serve.Stalling, UTF8: "off (left to the user)", Rows: rows, Serve: serveGorillaTuned,
		},
	}
}

type gorillaRoom struct {
	serve.Room[*websocket.Conn]
}

func (r *gorillaRoom) send(kind int, payload []byte) error {
	m, err := websocket.NewPreparedMessage(kind, payload)
	if err != nil {
		return err
	}
	r.Each(func(c *websocket.Conn) error { return c.WritePreparedMessage(m) })
	return nil
}

func serveGorilla(ln net.Listener, s serve.Setup) error {
	upgrader := websocket.Upgrader{EnableCompression: s.Deflate}
	all := newGorillaHub()
	return serveHTTP(ln, s, serve.WebMux(func(w http.ResponseWriter, r *http.Request, broadcast bool) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		if broadcast {
			all.admit(c)
			return
		}
		defer c.Close()
		for {
			kind, payload, err := c.ReadMessage()
			if err != nil || c.WriteMessage(kind, payload) != nil {
				return
			}
		}
	}))
}

func serveGorillaTuned(ln net.Listener, s serve.Setup) error {
	upgrader := websocket.Upgrader{
		ReadBufferSize: 1024, WriteBufferSize: 1024, WriteBufferPool: &sync.Pool{},
		EnableCompression: s.Deflate,
	}
	var all gorillaRoom
	return serveHTTP(ln, s, serve.WebMux(func(w http.ResponseWriter, r *http.Request, broadcast bool) {
		c, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		if !broadcast {
			go echoGorilla(c, c.WriteMessage)
			return
		}
		all.Join(c)
		go func() {
			defer all.Leave(c)
			echoGorilla(c, all.send)
		}()
	}))
}

func echoGorilla(c *websocket.Conn, answer func(kind int, payload []byte) error) {
	defer c.Close()
	for {
		kind, r, err := c.NextReader()
		if err != nil {
			return
		}
		message := messages.Get().(*bytes.Buffer)
		message.Reset()
		if _, err = message.ReadFrom(r); err == nil {
			err = answer(kind, message.Bytes())
		}
		messages.Put(message)
		if err != nil {
			return
		}
	}
}

// messages lends buffers to contenders that do not have a pool of their own.
var messages = sync.Pool{New: func() any { return new(bytes.Buffer) }}
