package main

import (
	"net"
	"net/http"

	"github.com/lxzan/gws"
	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
)

func gwsContenders() []serve.Contender {
	rows := []string{"echo", "deflate", "tls", "broadcast"}
	return []serve.Contender{
		{
			Name: "gws", Kind: "peer", About: "CheckUtf8Enabled, otherwise default options, ReadLoop in the HTTP handler",
			Room: "no: its Broadcaster, a queue for each member", UTF8: "on", Rows: append([]string{"room"}, rows...),
			Serve: func(ln net.Listener, s serve.Setup) error {
				return serveGWS(ln, s, &gws.ServerOption{}, (*gws.Conn).ReadLoop)
			},
		},
		{
			Name: "gws-tuned", Kind: "peer", About: "its best practice: ParallelEnabled, Recovery, handler returned; CheckUtf8Enabled",
			Room: "no: its Broadcaster, a queue for each member", UTF8: "on", Rows: rows,
			Serve: func(ln net.Listener, s serve.Setup) error {
				option := &gws.ServerOption{ParallelEnabled: true, Recovery: gws.Recovery}
				return serveGWS(ln, s, option, func(c *gws.Conn) { go c.ReadLoop() })
			},
		},
	}
}

func serveGWS(ln net.Listener, s serve.Setup, option *gws.ServerOption, loop func(*gws.Conn)) error {
	option.CheckUtf8Enabled = true
	option.ReadMaxPayloadSize = 64 << 20
	option.WriteMaxPayloadSize = 64 << 20
	option.PermessageDeflate.Enabled = s.Deflate
	echo := gws.NewUpgrader(gwsEcho{}, option)
	crowd := *option
	shout := gws.NewUpgrader(&gwsRoom{}, &crowd)
	return serveHTTP(ln, s, serve.WebMux(func(w http.ResponseWriter, r *http.Request, broadcast bool) {
		upgrader := echo
		if broadcast {
			upgrader = shout
		}
		c, err := upgrader.Upgrade(w, r)
		if err != nil {
			return
		}
		loop(c)
	}))
}

type gwsEcho struct{ gws.BuiltinEventHandler }

func (gwsEcho) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	_ = c.WriteMessage(m.Opcode, m.Bytes())
}

type gwsRoom struct {
	gws.BuiltinEventHandler
	serve.Room[*gws.Conn]
}

func (g *gwsRoom) OnOpen(c *gws.Conn)           { g.Join(c) }
func (g *gwsRoom) OnClose(c *gws.Conn, _ error) { g.Leave(c) }

func (g *gwsRoom) OnMessage(_ *gws.Conn, m *gws.Message) {
	defer m.Close()
	b := gws.NewBroadcaster(m.Opcode, m.Bytes())
	defer b.Close()
	g.Each(b.Broadcast)
}
