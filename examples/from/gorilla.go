package from

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// start README gorilla
// hub is gorilla's chat example: Hub, its three channels, readPump and writePump.
type hub struct{ room *sockets.LocalRoom }

func newHub() *hub { return &hub{sockets.NewRoom(nil)} } // and no go hub.run()

func (h *hub) serveWs(w http.ResponseWriter, r *http.Request) {
	c, err := sockets.Accept(w, r, nil) // upgrader.Upgrade
	if err != nil {
		return // the refusal has been written
	}
	defer c.Close(frame.Normal, "")
	if err := h.room.Join(c.PID(), ""); err != nil { // hub.register <- client; it leaves by itself
		return
	}
	for {
		m, err := c.Receive(c.Context()) // conn.ReadMessage
		if err != nil {
			if code := sockets.CloseCode(err); code != frame.GoingAway && code != frame.Abnormal {
				log.Print(err) // websocket.IsUnexpectedCloseError
			}
			return
		}
		h.room.Send(m) // hub.broadcast <- message: one PreparedMessage for all
	}
}

// end README gorilla

// start README coder
// options are AcceptOptions, once for all connections: what is made of them is made once.
var options = &sockets.Options{
	Subprotocols:   []string{"echo"},
	AllowedOrigins: []string{"https://*.example.com"}, // OriginPatterns
	MaxMessage:     32 << 10,                          // SetReadLimit
}

// reply is a handler of coder/websocket, with a limit for each message.
func reply(w http.ResponseWriter, r *http.Request) {
	c, err := sockets.Accept(w, r, options)
	if err != nil {
		return
	}
	defer c.Cut() // CloseNow
	for {
		ctx, cancel := context.WithTimeout(c.Context(), time.Minute)
		var v any
		err := c.ReceiveJSON(ctx, &v) // wsjson.Read; ctx ends the wait and not the connection
		if err == nil {
			err = c.SendJSON(ctx, v) // wsjson.Write
		}
		cancel()
		if err != nil {
			return
		}
	}
}

// end README coder
