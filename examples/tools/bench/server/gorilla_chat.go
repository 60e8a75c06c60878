package main

import (
	"time"

	"github.com/gorilla/websocket"
)

// A gorillaHub is a room as in gorilla's chat example: one goroutine knows the members, and each member has a queue and a
// goroutine that writes. A member whose queue is full is dropped. The example also joins queued texts into one message, with
// line ends between them; here each stays a message of its own.
type gorillaHub struct {
	join, leave chan *gorillaMember
	said        chan gorillaMessage
}

type gorillaMember struct {
	conn *websocket.Conn
	out  chan gorillaMessage
}

type gorillaMessage struct {
	kind    int
	payload []byte
}

// The example's limits.
const (
	gorillaQueue     = 256
	gorillaWriteWait = 10 * time.Second
	gorillaPongWait  = 60 * time.Second
	gorillaPingEvery = gorillaPongWait * 9 / 10
)

func newGorillaHub() *gorillaHub {
	h := &gorillaHub{join: make(chan *gorillaMember), leave: make(chan *gorillaMember), said: make(chan gorillaMessage)}
	go h.run()
	return h
}

func (h *gorillaHub) run() {
	members := map[*gorillaMember]bool{}
	drop := func(m *gorillaMember) {
		if members[m] {
			delete(members, m)
			close(m.out)
		}
	}
	for {
		select {
		case m := <-h.join:
			members[m] = true
		case m := <-h.leave:
			drop(m)
		case message := <-h.said:
			for m := range members {
				select {
				case m.out <- message:
				default:
					drop(m)
				}
			}
		}
	}
}

func (h *gorillaHub) admit(c *websocket.Conn) {
	m := &gorillaMember{conn: c, out: make(chan gorillaMessage, gorillaQueue)}
	h.join <- m
	go m.write()
	go m.read(h)
}

func (m *gorillaMember) read(h *gorillaHub) {
	defer m.conn.Close()
	defer func() { h.leave <- m }()
	alive := func(string) error { return m.conn.SetReadDeadline(time.Now().Add(gorillaPongWait)) }
	_ = alive("")
	m.conn.SetPongHandler(alive)
	for {
		kind, payload, err := m.conn.ReadMessage()
		if err != nil {
			return
		}
		h.said <- gorillaMessage{kind, payload}
	}
}

func (m *gorillaMember) write() {
	defer m.conn.Close()
	ping := time.NewTicker(gorillaPingEvery)
	defer ping.Stop()
	for {
		next := gorillaMessage{kind: websocket.PingMessage}
		select {
		case message, ok := <-m.out:
			if next = message; !ok {
				next.kind = websocket.CloseMessage
			}
		case <-ping.C:
		}
		_ = m.conn.SetWriteDeadline(time.Now().Add(gorillaWriteWait))
		if err := m.conn.WriteMessage(next.kind, next.payload); err != nil || next.kind == websocket.CloseMessage {
			return
		}
	}
}
