package main

import (
	"context"
	"fmt"
	"log"

	"github.com/spindrift-go/spindrift/frame"
	"github.com/spindrift-go/spindrift/sockets"
)

// start README follow
func follow(ctx context.Context, url string) error {
	c, err := sockets.DialReconnecting(url, nil, &sockets.Reconnect{
		First: func(*sockets.Upgraded) []any { return []any{frame.Text(`{"Name": "Ann"}`)} }, // on each connection
		Lost:  func(d *sockets.Disconnected) { log.Print(d) },
	})
	if err != nil {
		return err
	}
	defer c.Close(frame.Normal, "")
	for {
		var g greeting
		if err := c.ReceiveJSON(ctx, &g); err != nil {
			return err // ctx's, of a message that is no greeting, or the final *Disconnected
		}
		fmt.Println(g.Text)
	}
}

// end README follow
