package sockettest_test

import (
	"context"
	"sync"
	"testing"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/sockettest"
)

// chat sends what each member says to all.
type chat struct {
	mu      sync.Mutex
	members map[*sockets.Conn]bool
}

func (ch *chat) serve(ctx context.Context, c *sockets.Conn) error {
	ch.change(func() { ch.members[c] = true })
	defer ch.change(func() { delete(ch.members, c) })
	nick := c.Request().URL.Query().Get("nick")
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		ch.change(func() {
			for member := range ch.members {
				member.Send(ctx, frame.Text(nick+": "+m.String()))
			}
		})
	}
	return nil
}

func (ch *chat) change(f func()) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	f()
}

// Two members of a chat, on one server.
func ExampleNewServer() {
	testChat := func(t *testing.T) {
		room := &chat{members: map[*sockets.Conn]bool{}}
		s := sockettest.NewServer(t, sockets.Session(room.serve))
		ann, bob := s.Connect("/?nick=ann"), s.Connect("/?nick=bob")
		ann.SendText("I am here")
		ann.ExpectText("ann: I am here")
		bob.SendText("so am I")
		ann.ExpectText("bob: so am I")
		ann.Close(frame.Normal, "")
		bob.Close(frame.Normal, "")
	}

	run(testChat)
}
