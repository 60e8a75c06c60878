package from

import (
	"context"
	"errors"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// start README sttp
// useWebSocket is basicRequest.response(asWebSocket(f)).send(backend).
func useWebSocket(ctx context.Context, url string) (answer string, err error) {
	ws, err := sockets.Dial(ctx, url, nil)
	if refused := (*sockets.HandshakeError)(nil); errors.As(err, &refused) {
		return string(refused.Body), err // NotAWebSocketException, with status, headers and body
	} else if err != nil {
		return "", err
	}
	defer ws.Close(frame.Normal, "") // as often as you like
	if err := ws.SendText(ctx, "hello"); err != nil {
		return "", err
	}
	answer, err = ws.ReceiveText(ctx) // Pings are answered meanwhile
	if end := (*sockets.CloseError)(nil); errors.As(err, &end) {
		return "", err // WebSocketClosed(Some(close)): end.Code, end.Reason
	}
	return answer, err
}

// end README sttp

// start README node
// connected is wss.on('connection', ws => { ... }), with the heartbeat that its readme has you write.
var connected = &sockets.Callbacks{
	OnMessage: func(c *sockets.Conn, m *frame.Frame) { // ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }))
		c.Send(c.Context(), m)
	},
	OnError: func(c *sockets.Conn, err error) {},          // ws.on('error', console.error)
	OnClose: func(c *sockets.Conn, end sockets.Closed) {}, // ws.on('close', (code, reason) => { ... })
	Options: &sockets.Options{
		MaxMessage: 100 << 20, // maxPayload: its default is 100 MiB, here it is 1 MiB
	},
}

// broadcast sends what one says to all others, and knows who is open:
//
//	wss.clients.forEach(client => { if (client !== ws && client.readyState === WebSocket.OPEN) client.send(data, { binary: isBinary }) })
func broadcast() *sockets.Callbacks {
	clients := sockets.NewRoom(nil)
	return &sockets.Callbacks{
		OnOpen:    func(c *sockets.Conn) { clients.Join(c.PID(), "") },
		OnMessage: func(c *sockets.Conn, m *frame.Frame) { clients.SendExcept(c.PID(), m) },
	}
}

// end README node
