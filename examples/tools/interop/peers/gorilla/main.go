// Command gorilla is gorilla/websocket as a peer.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"github.com/spindrift-go/spindrift/examples/tools/interop/peers/protocol"
)

func main() {
	protocol.Peer{Module: "github.com/gorilla/websocket", Client: client, Serve: serve}.Main()
}

// buffer makes a library that flushes a fragment when its buffer is full do so.
func buffer(name string) int {
	if name == "fragments-from" {
		return 64
	}
	return 0
}

func client(o protocol.Order) protocol.Report {
	d := websocket.Dialer{
		TLSClientConfig:   o.TLS,
		EnableCompression: o.Case != "declined",
		WriteBufferSize:   buffer(o.Case),
		HandshakeTimeout:  10 * time.Second,
	}
	if o.Case == "subprotocol" {
		d.Subprotocols = []string{"chat.v9", "chat.v2"}
	}
	c, _, err := d.Dial(o.URL, nil)
	if err != nil {
		return protocol.Report{Error: err.Error()}
	}
	return talk(c, o.Case)
}

func serve(w http.ResponseWriter, r *http.Request, declined bool) protocol.Report {
	name := strings.TrimPrefix(r.URL.Path, "/")
	u := websocket.Upgrader{
		Subprotocols:      []string{"chat.v2", "chat.v1"},
		EnableCompression: !declined,
		WriteBufferSize:   buffer(name),
	}
	c, err := u.Upgrade(w, r, nil)
	if err != nil {
		return protocol.Report{Error: err.Error()}
	}
	return talk(c, name)
}

func talk(c *websocket.Conn, name string) (report protocol.Report) {
	defer c.Close()
	report.Protocol = c.Subprotocol()
	err := echo(c, name, &report)
	if end := new(websocket.CloseError); errors.As(err, &end) {
		report.Code, report.Reason = end.Code, end.Text
	} else {
		report.Error = err.Error()
	}
	return report
}

func echo(c *websocket.Conn, name string, report *protocol.Report) error {
	for {
		typ, p, err := c.ReadMessage()
		if err != nil {
			return err
		}
		report.Seen = append(report.Seen, fmt.Sprintf("%s %d", kind(typ), len(p)))
		switch name {
		case "close-from":
			bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "bye")
			err = c.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second))
		case "ping-from":
			c.SetPongHandler(func(got string) error {
				if got != "spindrift" {
					return fmt.Errorf("pong with %q", got)
				}
				return c.WriteMessage(typ, p)
			})
			err = c.WriteControl(websocket.PingMessage, []byte("spindrift"), time.Now().Add(time.Second))
		default:
			err = write(c, typ, p)
		}
		if err != nil {
			return err
		}
	}
}

// write sends a message by way of a writer, which makes fragments as its buffer fills.
func write(c *websocket.Conn, typ int, p []byte) error {
	w, err := c.NextWriter(typ)
	if err != nil {
		return err
	}
	for len(p) > 0 {
		n := min(len(p), 4096)
		if _, err := w.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return w.Close()
}

func kind(typ int) string {
	if typ == websocket.TextMessage {
		return "text"
	}
	return "binary"
}
