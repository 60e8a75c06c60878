package main

import (
	"fmt"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// crowd is the handler of the connections to peers that never read.
type crowd struct {
	size int
	all  chan struct{} // closed when all have come

	mu      sync.Mutex
	conns   []*actor.PID
	members map[string]*member
}

// member is what was told of a connection.
type member struct {
	pressed, closed int
	lost            sockets.Dropped
	code            frame.Code
}

// Receive is a turn.
func (c *crowd) Receive(ctx actor.Context) {
	if ctx.Sender() == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	who := c.members[ctx.Sender().Id]
	switch m := ctx.Message().(type) {
	case *sockets.Upgraded:
		c.conns = append(c.conns, ctx.Sender())
		c.members[ctx.Sender().Id] = new(member)
		if len(c.conns) == c.size {
			close(c.all)
		}
	case *sockets.Backpressure:
		who.pressed++
	case *sockets.Dropped:
		who.lost.Messages += m.Messages
		who.lost.Bytes += m.Bytes
	case *sockets.Closed:
		who.closed++
		who.code = m.Code
	}
}

// flood sends everybody more than there is space for, and returns when the
// connections have dealt with it.
func (c *crowd) flood(system *actor.ActorSystem) {
	for range nonReadingMessages {
		for _, conn := range c.conns {
			f := frame.New(frame.OpBinary, 1<<10)
			f.Payload = append(f.Payload, make([]byte, 1<<10)...)
			system.Root.Send(conn, f)
		}
	}
	for _, conn := range c.conns {
		system.Root.RequestFuture(conn, &actor.Touch{}, grace).Wait()
	}
}

// judge: everybody was told Backpressure, and one end, which is 1008.
func (c *crowd) judge() error {
	for id, m := range c.members {
		if m.pressed == 0 || m.closed != 1 || m.code != frame.PolicyViolation || m.lost.Bytes != m.lost.Messages<<10 {
			return fmt.Errorf("%s was told %+v", id, *m)
		}
	}
	return nil
}

func (c *crowd) summary() string {
	pressed, dropping, closed, lost := 0, 0, 0, 0
	for _, m := range c.members {
		pressed += min(m.pressed, 1)
		dropping += min(m.lost.Messages, 1)
		closed += m.closed
		lost += m.lost.Messages
	}
	return fmt.Sprintf("told Backpressure %d, Dropped %d (%d messages), Closed %d", pressed, dropping, lost, closed)
}
