package main

import (
	"context"
	"time"

	"github.com/coder/websocket"
	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
)

// A coderMember is a subscriber as in coder's chat example: a queue and a goroutine that writes. A member whose queue is full
// is sent away.
type coderMember struct {
	conn *websocket.Conn
	out  chan coderMessage
}

type coderMessage struct {
	kind    websocket.MessageType
	payload []byte
}

// The example's limits.
const (
	coderQueue     = 16
	coderWriteWait = 5 * time.Second
)

// chatCoder serves one member of a room.
func chatCoder(ctx context.Context, c *websocket.Conn, all *serve.Room[*coderMember]) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := &coderMember{conn: c, out: make(chan coderMessage, coderQueue)}
	all.Join(m)
	defer all.Leave(m)
	go m.write(ctx)
	for {
		kind, payload, err := c.Read(ctx)
		if err != nil {
			return
		}
		all.Each(func(m *coderMember) error {
			select {
			case m.out <- coderMessage{kind, payload}:
			default:
				go m.conn.Close(websocket.StatusPolicyViolation, "too slow to keep up")
			}
			return nil
		})
	}
}

func (m *coderMember) write(ctx context.Context) {
	defer m.conn.CloseNow()
	for {
		select {
		case message := <-m.out:
			if m.send(ctx, message) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (m *coderMember) send(ctx context.Context, message coderMessage) error {
	ctx, cancel := context.WithTimeout(ctx, coderWriteWait)
	defer cancel()
	return m.conn.Write(ctx, message.kind, message.payload)
}
