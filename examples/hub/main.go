// Hub is the chat example of gorilla/websocket, with what it does: what one says goes to all, a
// message has 512 bytes at most, a client that takes none of 256 is dropped, and one that is
// silent for a minute is gone.
package main

import (
	"errors"
	"flag"
	"io"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

const page = `<!DOCTYPE html><title>Hub</title><form><input autofocus> <button>Say</button></form><pre></pre><script>
const [log, input] = ["pre", "input"].map(e => document.querySelector(e)), ws = new WebSocket(location.href.replace(/^http/, "ws") + "ws")
ws.onmessage = e => log.append(e.data + "\n"); ws.onclose = () => log.append("closed\n")
document.forms[0].onsubmit = e => { e.preventDefault(); ws.send(input.value); input.value = "" }</script>`

const maxMessage = 512

var options = &sockets.Options{
	MaxMessage:   maxMessage,
	PingInterval: 54 * time.Second, // of silence
	PingTimeout:  6 * time.Second,
	WriteStall:   10 * time.Second,
}

func hub() http.Handler {
	room := sockets.NewRoom(&sockets.RoomOptions{MaxOut: 256 * (maxMessage + 64), SlowAfter: -1})
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, page) })
	mux.HandleFunc("/ws", func(w http.ResponseWriter, r *http.Request) {
		c, err := sockets.Accept(w, r, options)
		if err != nil {
			return
		}
		defer c.Close(frame.Normal, "")
		err = room.Join(c.PID(), "") // it leaves by itself
		for err == nil {
			var text string
			if text, err = c.ReceiveText(c.Context()); err == nil {
				err = room.Send(frame.Text(strings.TrimSpace(strings.ReplaceAll(text, "\n", " "))))
			}
		}
		var end *sockets.CloseError
		if !errors.As(err, &end) || end.Code != frame.GoingAway && end.Code != frame.Abnormal {
			log.Print(err)
		}
	})
	return mux
}

func main() {
	addr := flag.String("addr", ":8080", "http service address")
	flag.Parse()
	server := &sockets.Server{Server: http.Server{Addr: *addr, Handler: hub(), ReadHeaderTimeout: 3 * time.Second}}
	log.Fatal(server.ListenAndServe())
}
