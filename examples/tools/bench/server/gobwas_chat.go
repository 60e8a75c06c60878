package main

import (
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"github.com/spindrift-go/spindrift/examples/tools/bench/serve"
)

// A gobwasChat is a room as in gobwas's chat example: messages are encoded once, and a pool of goroutines writes them to the
// members, each of whom it waits for a tenth of a second at most.
type gobwasChat struct {
	serve.Room[*gobwasMember]
	said   chan []byte
	writes chan gobwasWrite
}

type gobwasMember struct {
	mu   sync.Mutex
	conn net.Conn
}

type gobwasWrite struct {
	to    *gobwasMember
	frame []byte
}

// The example's limits.
const (
	gobwasWriters   = 128
	gobwasWriteWait = 100 * time.Millisecond
)

func newGobwasChat() *gobwasChat {
	chat := &gobwasChat{said: make(chan []byte, 1), writes: make(chan gobwasWrite, 1)}
	for range gobwasWriters {
		go func() {
			for w := range chat.writes {
				w.to.write(w.frame)
			}
		}()
	}
	go func() {
		for frame := range chat.said {
			chat.Each(func(m *gobwasMember) error {
				chat.writes <- gobwasWrite{m, frame}
				return nil
			})
		}
	}()
	return chat
}

func (m *gobwasMember) write(frame []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_ = m.conn.SetWriteDeadline(time.Now().Add(gobwasWriteWait))
	_, _ = m.conn.Write(frame)
}

// serve reads what one member says.
func (chat *gobwasChat) serve(c net.Conn) {
	m := &gobwasMember{conn: c}
	chat.Join(m)
	defer chat.Leave(m)
	for {
		payload, op, err := wsutil.ReadClientData(c)
		if err != nil {
			return
		}
		frame, err := ws.CompileFrame(ws.NewFrame(op, true, payload))
		if err != nil {
			return
		}
		chat.said <- frame
	}
}
