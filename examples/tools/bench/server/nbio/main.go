// Command nbio is the contender of that name in a program of its own. As it is loaded, the library makes a megabyte of pointers, which
// the garbage collector would look at in every other contender as well.
//
//	go run ./server/nbio -contender nbio -addr 127.0.0.1:9001
package main

import (
	"net"
	"net/http"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
)

func main() {
	serve.Main([]serve.Contender{{
		Name: "nbio", Kind: "peer", About: "an engine of its own with pollers and no goroutine for an idle connection, default options",
		Room: "no: what a member does not take is queued, without a bound", UTF8: "on", Rows: []string{"echo", "broadcast", "room"},
		Serve: serveNBIO,
	}})
}

func serveNBIO(ln net.Listener, _ serve.Setup) error {
	logging.SetLevel(logging.LevelNone)
	upgrader := func(message func(*websocket.Conn, websocket.MessageType, []byte)) *websocket.Upgrader {
		u := websocket.NewUpgrader()
		u.OnMessage(message)
		return u
	}
	echo := upgrader(func(c *websocket.Conn, kind websocket.MessageType, data []byte) { _ = c.WriteMessage(kind, data) })
	var members serve.Room[*websocket.Conn]
	shout := upgrader(func(_ *websocket.Conn, kind websocket.MessageType, data []byte) {
		members.Each(func(c *websocket.Conn) error { return c.WriteMessage(kind, data) })
	})
	shout.OnOpen(func(c *websocket.Conn) { members.Join(c) })
	shout.OnClose(func(c *websocket.Conn, _ error) { members.Leave(c) })
	engine := nbhttp.NewEngine(nbhttp.Config{
		Network: "tcp", Addrs: []string{ln.Addr().String()},
		Listen: func(string, string) (net.Listener, error) { return ln, nil },
		Handler: serve.WebMux(func(w http.ResponseWriter, r *http.Request, broadcast bool) {
			u := echo
			if broadcast {
				u = shout
			}
			_, _ = u.Upgrade(w, r, nil)
		}),
	})
	if err := engine.Start(); err != nil {
		return err
	}
	select {}
}
