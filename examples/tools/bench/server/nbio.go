package main

import (
	"net"
	"net/http"

	"github.com/lesismal/nbio/logging"
	"github.com/lesismal/nbio/nbhttp"
	"github.com/lesismal/nbio/nbhttp/websocket"
)

func nbioContenders() []contender {
	return []contender{{
		Name: "nbio", Kind: "peer", About: "an engine of its own with pollers and no goroutine for an idle connection, default options",
		Room: "no: what a member does not take is queued, without a bound", UTF8: "on", Rows: []string{"echo", "broadcast", "room"},
		serve: serveNBIO,
	}}
}

func serveNBIO(ln net.Listener, _ setup) error {
	logging.SetLevel(logging.LevelNone)
	upgrader := func(message func(*websocket.Conn, websocket.MessageType, []byte)) *websocket.Upgrader {
		u := websocket.NewUpgrader()
		u.OnMessage(message)
		return u
	}
	echo := upgrader(func(c *websocket.Conn, kind websocket.MessageType, data []byte) { _ = c.WriteMessage(kind, data) })
	var members room[*websocket.Conn]
	shout := upgrader(func(_ *websocket.Conn, kind websocket.MessageType, data []byte) {
		members.each(func(c *websocket.Conn) error { return c.WriteMessage(kind, data) })
	})
	shout.OnOpen(func(c *websocket.Conn) { members.join(c) })
	shout.OnClose(func(c *websocket.Conn, _ error) { members.leave(c) })
	engine := nbhttp.NewEngine(nbhttp.Config{
		Network: "tcp", Addrs: []string{ln.Addr().String()},
		Listen: func(string, string) (net.Listener, error) { return ln, nil },
		Handler: webMux(func(w http.ResponseWriter, r *http.Request, broadcast bool) {
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
