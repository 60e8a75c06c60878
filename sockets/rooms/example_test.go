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

// A member of a room is told what is said on any node. Here both nodes are in one process.
func ExampleOpen() {
	first, err := rooms.Open(nil, rooms.Config{Name: "first", Presence: true})
	if err != nil {
		log.Fatal(err)
	}
	defer first.Close()
	second, err := rooms.Open(nil, rooms.Config{Name: "second", Presence: true, Routes: []string{first.Addr().String()}})
	if err != nil {
		log.Fatal(err)
	}
	defer second.Close()

	here, err := first.Room("lobby", nil)
	if err != nil {
		log.Fatal(err)
	}
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

	there, err := second.Room("lobby", nil)
	if err != nil {
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
