package from

import (
	"net/http"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/pipeline"
	"github.com/spindrift-go/spindrift/sockets"
)

// start README akka
// shout is an actor of SprayWebSockets: it is the listener and the frame handler.
type shout struct{}

func (shout) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *http.Request: // case req: HttpRequest => sender ! Upgrade(acceptAllFunction(req), self)
		ctx.Respond(&sockets.UpgradeServer{
			FrameHandler: ctx.Self(),
			Stages:       []pipeline.Stage{pipeline.AutoPing{Interval: 10 * time.Second}.Stage()}, // AutoPing(...) >> ...
			Options:      &sockets.Options{MaxFrame: 64 << 10},                                    // frameSizeLimit
		})
	case *sockets.Upgraded: // case Upgraded
	case *frame.Frame: // case f @ Frame(...)
		ctx.Respond(frame.Text(strings.ToUpper(m.String())))
	case *sockets.RoundTripTime: // case RoundTripTime(delta)
	case *sockets.Closed: // case Closed, with the whole account, once
	}
}

// end README akka

// start README ktor
// lobby is install(WebSockets) { ... } and routing { webSocket("/chat/{room}") { ... } }.
func lobby() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /chat/{room}", &sockets.Callbacks{
		OnOpen:    func(c *sockets.Conn) { c.SendText(c.Context(), "welcome to "+c.Request().PathValue("room")) },
		OnMessage: func(c *sockets.Conn, m *frame.Frame) { c.Send(c.Context(), m) }, // for (frame in incoming) send(frame)
		OnClose:   func(c *sockets.Conn, end sockets.Closed) {},                     // closeReason.await()
	})
	return sockets.WithOptions(&sockets.Options{
		PingInterval: 15 * time.Second, // pingPeriod
		PingTimeout:  15 * time.Second, // timeout
		MaxFrame:     64 << 10,         // maxFrameSize
	}, mux)
}

// end README ktor
