package from

import (
	"log"
	"net/http"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// start README gws
// rooms is a server of gws that broadcasts: what it keeps of a connection in its Session are variables here.
type rooms struct{ everybody *sockets.LocalRoom } // in place of a ConcurrentMap of connections

func (g *rooms) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Query().Get("name") // session.Store("name", name)
	if name == "" {
		http.Error(w, "say who you are", http.StatusUnauthorized) // Authorize returns false
		return
	}
	event := &sockets.Callbacks{ // gws.Event
		OnOpen: func(c *sockets.Conn) { g.everybody.Join(c.PID(), name) }, // it leaves by itself
		OnMessage: func(c *sockets.Conn, m *frame.Frame) { // m is yours to keep: there is no message.Close
			g.everybody.Send(m) // NewBroadcaster(message.Opcode, message.Bytes()), and Broadcast to each
		},
		OnClose: func(c *sockets.Conn, end sockets.Closed) { log.Print(name, " ", end) },
		Options: gwsOptions,
	}
	event.ServeHTTP(w, r) // upgrader.Upgrade, and go socket.ReadLoop()
}

var gwsOptions = &sockets.Options{MaxMessage: 16 << 20} // ReadMaxPayloadSize: its default is 16 MiB, here it is 1 MiB

// end README gws
