// Command coder is coder/websocket as a peer.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
	"github.com/spindrift-go/spindrift/examples/tools/interop/peers/protocol"
)

func main() {
	protocol.Peer{Module: "github.com/coder/websocket", Client: client, Serve: serve}.Main()
}

func mode(declined bool) websocket.CompressionMode {
	if declined {
		return websocket.CompressionDisabled
	}
	return websocket.CompressionContextTakeover
}

func client(o protocol.Order) protocol.Report {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	options := &websocket.DialOptions{
		HTTPClient:      &http.Client{Transport: &http.Transport{TLSClientConfig: o.TLS}},
		CompressionMode: mode(o.Case == "declined"),
	}
	if o.Case == "subprotocol" {
		options.Subprotocols = []string{"chat.v9", "chat.v2"}
	}
	c, _, err := websocket.Dial(ctx, o.URL, options)
	if err != nil {
		return protocol.Report{Error: err.Error()}
	}
	return talk(ctx, c, o.Case)
}

func serve(w http.ResponseWriter, r *http.Request, declined bool) protocol.Report {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:    []string{"chat.v2", "chat.v1"},
		CompressionMode: mode(declined),
	})
	if err != nil {
		return protocol.Report{Error: err.Error()}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return talk(ctx, c, strings.TrimPrefix(r.URL.Path, "/"))
}

func talk(ctx context.Context, c *websocket.Conn, name string) (report protocol.Report) {
	defer c.CloseNow()
	c.SetReadLimit(-1)
	report.Protocol = c.Subprotocol()
	err := echo(ctx, c, name, &report)
	if end := new(websocket.CloseError); errors.As(err, end) {
		report.Code, report.Reason = int(end.Code), end.Reason
	} else if err != nil {
		report.Error = err.Error()
	}
	return report
}

// echo returns nil if it closed the connection itself.
func echo(ctx context.Context, c *websocket.Conn, name string, report *protocol.Report) error {
	for {
		typ, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		report.Seen = append(report.Seen, fmt.Sprintf("%s %d", kind(typ), len(p)))
		switch name {
		case "close-from":
			return c.Close(websocket.StatusNormalClosure, "bye")
		case "ping-from": // the payload is the library's; the Pong comes while we read
			go func() {
				if err := c.Ping(ctx); err == nil {
					c.Write(ctx, typ, p)
				}
			}()
		case "fragments-from":
			err = fragments(ctx, c, typ, p)
		default:
			err = c.Write(ctx, typ, p)
		}
		if err != nil {
			return err
		}
	}
}

// fragments sends a message by way of a writer: each Write is one.
func fragments(ctx context.Context, c *websocket.Conn, typ websocket.MessageType, p []byte) error {
	w, err := c.Writer(ctx, typ)
	if err != nil {
		return err
	}
	for _, piece := range [][]byte{p[:len(p)/2], p[len(p)/2:]} {
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return w.Close()
}

func kind(typ websocket.MessageType) string {
	if typ == websocket.MessageText {
		return "text"
	}
	return "binary"
}
