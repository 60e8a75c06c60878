package sockets_test

import (
	"context"
	"fmt"
	"log"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// A chat room: whoever connects is a member until the connection ends.
func ExampleNewRoom() {
	room := sockets.NewRoom(nil)
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		if err := room.Join(c.PID(), c.Request().URL.Query().Get("nick")); err != nil {
			return err
		}
		for m, err := range c.Messages(ctx) {
			if err != nil {
				return err
			}
			room.Send(m)
		}
		return nil
	}))
	defer stop()

	ctx := context.Background()
	var all []*sockets.Conn
	for _, nick := range []string{"ann", "bob"} {
		c, err := sockets.Dial(ctx, url+"?nick="+nick, nil)
		if err != nil {
			log.Fatal(err)
		}
		defer c.Close(frame.Normal, "")
		c.SendText(ctx, nick+" is here")
		fmt.Println(c.ReceiveText(ctx))
		all = append(all, c)
	}
	fmt.Println(all[0].ReceiveText(ctx))
	fmt.Println(room.Len(), "members")
	// Output:
	// ann is here <nil>
	// bob is here <nil>
	// bob is here <nil>
	// 2 members
}

// Messages that tell their number: a client that comes back says what it has seen last.
func ExampleLocalRoom_JoinAfter() {
	room := sockets.NewRoom(&sockets.RoomOptions{
		History: 100,
		Number: func(n uint64, f *frame.Frame) *frame.Frame {
			return frame.Text(fmt.Sprint(n, " ", f))
		},
	})
	url, stop := serve(sockets.Session(func(ctx context.Context, c *sockets.Conn) error {
		var seen uint64
		fmt.Sscan(c.Request().URL.Query().Get("seen"), &seen)
		if _, err := room.JoinAfter(c.PID(), "", seen); err != nil {
			return err
		}
		_, err := c.Receive(ctx) // it only listens
		return err
	}))
	defer stop()
	for _, text := range []string{"one", "two", "three"} {
		room.Send(frame.Text(text))
	}

	ctx := context.Background()
	c, err := sockets.Dial(ctx, url+"?seen=1", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close(frame.Normal, "")
	fmt.Println(c.ReceiveText(ctx))
	fmt.Println(c.ReceiveText(ctx))
	// Output:
	// 2 two <nil>
	// 3 three <nil>
}
