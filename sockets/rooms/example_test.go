package rooms_test

import (
	"context"
	"fmt"
	"log"
	"net/http/httptest"
	"runtime"
	"strings"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
	"github.com/spindrift-go/spindrift/sockets/rooms"
)

// start README lobby

// lobby makes this process a node, which finds all others by the routes to any one, and opens the room that they have
// in common. What is sent to it reaches the members on all of them.
func lobby(name string, routes ...string) (*rooms.Node, *rooms.Room, error) {
	node, err := rooms.Open(nil, rooms.Config{Name: name, Presence: true, Routes: routes})
	if err != nil {
		return nil, nil, err
	}
	room, err := node.Room("lobby", nil)
	return node, room, err
}

// end README lobby

// A member of a room is told what is said on any node. Here both nodes are in one process.
func ExampleOpen() {
	first, here, err := lobby("first")
	if err != nil {
		log.Fatal(err)
	}
	defer first.Close()
	second, there, err := lobby("second", first.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	defer second.Close()

	joined := make(chan error)
	server := httptest.NewServer(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		joined <- here.Join(c.PID(), "ann")
		_, err := c.Receive(ctx) // it only listens
		return err
	}))
	defer server.Close()
	ctx := context.Background()
	ann, err := sockets.Dial(ctx, "ws"+strings.TrimPrefix(server.URL, "http"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer ann.Close(frame.Normal, "")
	if err := <-joined; err != nil {
		log.Fatal(err)
	}

	for there.Len() == 0 { // until the nodes know each other
		runtime.Gosched()
	}
	for _, m := range there.Members() {
		fmt.Println(m.Name, "is on the", m.Node, "node")
	}
	there.Send(frame.Text("hello from the second node"))
	fmt.Println(ann.ReceiveText(ctx))
	// Output:
	// ann is on the first node
	// hello from the second node <nil>
}
